"""Objects: any Python values as one pickle, in which they still share what they shared.

Functions and classes of the notebook travel by value and are bound to the receiving namespace: they see its globals as
they are when called, never a frozen copy. Equal values give equal bytes, so that a rerun to the same result is noticed.
The memory of large arrays and columns stays out of the pickle (PEP 574), to be written and mapped as it is.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import threading
import types
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import cloudpickle
from attrs import frozen
from cloudpickle import cloudpickle as internals

from nb2prod.formats import arrays, classes, formulas, instances, numbers, reducers
from nb2prod.formats.reducers import Unkeepable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_receiver: ContextVar[dict[str, Any]] = ContextVar("receiver")


_LARGE = 256 * 1024  # bytes from which a buffer is cheaper as a file of its own, written and mapped, than in the pickle


@frozen(kw_only=True)
class Pickled:
    """Values as a pickle, and the large buffers that it refers to in their order."""

    stream: bytes
    buffers: tuple[memoryview, ...]  # the memory of the values themselves: to be used before they change
    needs: frozenset[str]  # names of globals that functions and methods inside look up when called


def dumps(values: Mapping[str, Any], namespace: dict[str, Any]) -> Pickled:
    """Pickle named values together.

    Args:
        values: What to keep, by name.
        namespace: The globals of the notebook's functions, which are left out of the pickle.

    Raises:
        Unkeepable: One of them cannot be stored.
    """
    kind = _NanPickler if numbers.holds_nan(values) else _Pickler
    try:
        pickler = _pickled(kind, values, namespace, frozenset())
    except Unkeepable:
        # A class that leaves out what cannot be stored says how in its own hooks.
        kind = _PoliteNanPickler if kind is _NanPickler else _PolitePickler
        pickler = _pickled(kind, values, namespace, frozenset())
    shared = pickler.shared()
    if shared:
        # Arrays that look at the same memory: store the memory once, and the others as views of it.
        pickler = _pickled(kind, values, namespace, shared)
    return Pickled(stream=pickler.file.getvalue(), buffers=tuple(pickler.buffers), needs=frozenset(pickler.needs))


def _pickled(
    kind: type[_Pickler], values: Mapping[str, Any], namespace: dict[str, Any], shared: frozenset[int]
) -> _Pickler:
    pickler = kind(io.BytesIO(), namespace, shared)
    try:
        pickler.dump(dict(values))
    except Unkeepable:
        raise
    except Exception as wrong:
        # cloudpickle says of too deep a nesting that it cannot be pickled.
        if isinstance(wrong.__cause__, RecursionError):
            return _deeply(values, namespace, shared)
        # The classes of users may raise anything from __reduce__ and __getstate__.
        raise Unkeepable(f"{type(wrong).__name__}: {wrong}") from wrong
    return pickler


def loads(
    stream: bytes, namespace: dict[str, Any], buffers: Iterable[memoryview] = (), *, start: int = 0
) -> dict[str, Any]:
    """Return the values that `dumps` was given, their functions bound to `namespace`.

    Args:
        stream: The pickle. It can run any code, so it must be known for what was kept.
        namespace: The globals of the functions inside.
        buffers: What the pickle refers to, in its order. The values live in this memory and may write to it.
        start: Where in `stream` the pickle begins.
    """
    file = io.BytesIO(stream)
    file.seek(start)
    with receiving(namespace):
        # Models of formulas evaluate them anew, with what some frame above sees: these are the notebook's.
        values: dict[str, Any] = eval(_FRAMES, namespace)(_Unpickler(file, buffers=buffers).load)  # noqa: S307
    return values


_FRAMES = "lambda __load: (lambda: (lambda: (lambda: (lambda: __load())())())())()"


def _deeply(values: Mapping[str, Any], namespace: dict[str, Any], shared: frozenset[int]) -> _Pickler:
    """Pickle long chains of objects, which pickle follows by calling itself, in a thread with room for it."""
    done: list[_Pickler] = []

    def work() -> None:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(_DEEP)
        try:
            pickler = _Pickler(io.BytesIO(), namespace, shared)
            pickler.dump(dict(values))
            done.append(pickler)
        except Exception:  # noqa: BLE001 - said below
            return
        finally:
            sys.setrecursionlimit(limit)

    size = threading.stack_size(_STACK)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    threading.stack_size(size)
    if not done:
        raise Unkeepable("it is nested too deeply")
    return done[0]


_DEEP = 100_000
_STACK = 512 * 1024 * 1024  # bytes; only what is used is taken


@contextmanager
def receiving(namespace: dict[str, Any]) -> Iterator[None]:
    """Let functions that are unpickled inside be bound to `namespace`."""
    token = _receiver.set(namespace)
    try:
        yield
    finally:
        _receiver.reset(token)


def globals_of(code: types.CodeType) -> set[str]:
    """Return the names of globals that a function's code, or code nested in it, looks up."""
    found = set(internals._extract_code_globals(code))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= globals_of(constant)
    return found


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        return numbers.load(pid, self.__dict__.setdefault("numbers", {}))


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    polite = False  # ask the hooks of the notebook's classes

    def __init__(self, file: io.BytesIO, namespace: dict[str, Any], shared: frozenset[int]) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._inside)
        self.file = file
        self.buffers: list[memoryview] = []
        self.namespace = namespace
        self.shared_roots = shared
        self.needs: set[str] = set()
        self.formulas = not formulas.LIBRARIES.isdisjoint(sys.modules)
        self.roots: dict[int, set[int]] = {}  # memory → the arrays that look at it

    def _inside(self, buffer: pickle.PickleBuffer) -> bool:
        """Say whether a buffer goes into the pickle; a large one is taken note of instead."""
        try:
            memory = buffer.raw()
        except BufferError:  # it is in pieces: pickle says what is wrong with that
            return True
        if len(memory) < _LARGE:
            return True
        self.buffers.append(memory)
        return False

    def shared(self) -> frozenset[int]:
        """Return the memory that several of the arrays look at."""
        return frozenset(memory for memory, arrays in self.roots.items() if len(arrays) > 1)

    def reducer_override(self, obj: Any) -> Any:
        if reducers.is_array(obj):
            memory = id(reducers.root(obj))
            self.roots.setdefault(memory, set()).add(id(obj))
            seen = reducers.reduce_view(obj) if memory in self.shared_roots and id(obj) != memory else NotImplemented
            if seen is NotImplemented:
                seen = arrays.reduce(obj) if reducers.is_plain(obj) else reducers.reduce_array(obj)
            return seen
        if isinstance(obj, type) and obj.__module__ == reducers.MAIN:
            _track(obj)
            cls: type = obj
            if self.namespace.get(cls.__name__) is cls:
                self.needs.add(cls.__name__)  # what is set on the class later is seen by the object
        elif not self.polite and instances.hooked(obj):
            return instances.reduce(obj)
        if self.formulas:
            self.needs |= formulas.names(obj) & self.namespace.keys()
        found = reducers.reduce(obj)
        found = super().reducer_override(obj) if found is NotImplemented else found
        if found is not NotImplemented and found[0] is internals._make_skeleton_class:
            return classes.reduce(obj, found)
        return found

    def _dynamic_function_reduce(self, func: types.FunctionType) -> Any:
        if func.__globals__ is not self.namespace:
            return super()._dynamic_function_reduce(func)
        self.needs |= globals_of(func.__code__)
        if self.formulas:
            self.needs |= formulas.within(func.__code__) & self.namespace.keys()
        _, slots = internals._function_getstate(func)
        slots = {name: slots[name] for name in _SLOTS}
        # Functions made by one call share its variables, so they are given the very cells.
        return (
            _make_function,
            (_portable(func.__code__), func.__closure__),
            (dict(vars(func)), slots),
            None,
            None,
            _fill,
        )


class _NanPickler(_Pickler):
    """Asked about every object, which is slow, and so used only where it matters."""

    def persistent_id(self, obj: Any) -> Any:
        if type(obj) is float and obj != obj:
            return numbers.save(obj, self.__dict__.setdefault("numbers", {}))
        return None


class _PolitePickler(_Pickler):
    polite = True


class _PoliteNanPickler(_NanPickler):
    polite = True


FILE = "<notebook>"  # of functions on their way
_SLOTS = ("__name__", "__qualname__", "__annotations__", "__kwdefaults__", "__defaults__", "__module__", "__doc__")


def _make_function(code: types.CodeType, closure: tuple[types.CellType, ...] | None) -> types.FunctionType:
    return types.FunctionType(code, _receiver.get(), None, None, closure)


def _fill(function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    attributes, slots = state
    function.__dict__.update(attributes)
    for name, value in slots.items():
        setattr(function, name, value)


def _portable(code: types.CodeType, above: int | None = None) -> types.CodeType:
    """Leave out the file name, in which IPython puts the process id, and lines above: equal functions, equal bytes."""
    above = code.co_firstlineno - 1 if above is None else above
    constants = tuple(_portable(c, above) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=FILE, co_firstlineno=code.co_firstlineno - above, co_consts=constants)


def _told(member: Any) -> str:
    """Describe a member of a class by its value, as far as that is the same in every process."""
    code = getattr(member, "__code__", None)
    if code is not None:
        cells = [cell.cell_contents for cell in member.__closure__ or () if _filled(cell)]
        inner = [repr(value) for value in (*cells, *(member.__defaults__ or ())) if isinstance(value, _PLAIN)]
        constants = [repr(value) for value in code.co_consts if isinstance(value, _PLAIN)]
        return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants} {inner}"
    return repr(member) if isinstance(member, _PLAIN) else type(member).__qualname__


_PLAIN = (int, float, complex, str, bytes, type(None), tuple)


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _track(cls: type) -> None:
    """Give a class of the notebook an id that is the same in every process, so that it stays one class everywhere."""
    if cls in internals._DYNAMIC_CLASS_TRACKER_BY_CLASS:
        return
    parts = [cls.__qualname__, *(base.__qualname__ for base in cls.__mro__)]
    for name, member in sorted(vars(cls).items()):
        function = getattr(member, "__func__", getattr(member, "fget", member))
        parts.append(f"{name} {_told(function)}")
    identity = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    if internals._DYNAMIC_CLASS_TRACKER_BY_ID.get(identity, cls) is not cls:
        return  # another class that looks the same: cloudpickle gives this one an id of its own
    with internals._DYNAMIC_CLASS_TRACKER_LOCK:
        internals._DYNAMIC_CLASS_TRACKER_BY_CLASS[cls] = identity
        internals._DYNAMIC_CLASS_TRACKER_BY_ID.setdefault(identity, cls)

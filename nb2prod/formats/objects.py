"""Objects: any Python values as one pickle, in which they still share what they shared.

Functions and classes of the notebook travel by value and are bound to the receiving namespace: they see its globals as
they are when called, never a frozen copy. Equal values give equal bytes, so that a rerun to the same result is noticed.
"""

from __future__ import annotations

import functools
import hashlib
import io
import pickle
import types
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import cloudpickle
from cloudpickle import cloudpickle as internals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_MAIN = "__main__"
_receiver: ContextVar[dict[str, Any]] = ContextVar("receiver")


class Unkeepable(pickle.PicklingError):
    """The value cannot be stored; says why."""


def dumps(values: Mapping[str, Any], namespace: dict[str, Any]) -> tuple[bytes, frozenset[str]]:
    """Pickle named values together.

    Args:
        values: What to keep, by name.
        namespace: The globals of the notebook's functions, which are left out of the pickle.

    Returns:
        The bytes, and the names of globals that functions and methods inside look up when called.

    Raises:
        Unkeepable: One of them cannot be stored.
    """
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, namespace)
    try:
        pickler.dump(dict(values))
    except Unkeepable:
        raise
    except Exception as wrong:
        raise Unkeepable(f"{type(wrong).__name__}: {wrong}") from wrong
    return buffer.getvalue(), frozenset(pickler.needs)


def loads(data: bytes, namespace: dict[str, Any]) -> dict[str, Any]:
    """Return the values that `dumps` was given, their functions bound to `namespace`."""
    with receiving(namespace):
        values: dict[str, Any] = pickle.loads(data)  # noqa: S301 - the store verified the bytes against their hash
    return values


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


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(self, file: io.BytesIO, namespace: dict[str, Any]) -> None:
        super().__init__(file, protocol=5)
        self.namespace = namespace
        self.needs: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, io.IOBase) and not isinstance(obj, io.BytesIO | io.StringIO):
            # cloudpickle would store what a file holds now, which is another thing than the open file.
            raise Unkeepable("an open file cannot be stored")
        if isinstance(obj, functools._lru_cache_wrapper) and obj.__module__ == _MAIN:
            return _cached, (obj.__wrapped__, obj.cache_parameters())
        if isinstance(obj, type) and obj.__module__ == _MAIN:
            _track(obj)
        return super().reducer_override(obj)

    def _dynamic_function_reduce(self, func: types.FunctionType) -> Any:
        if func.__globals__ is not self.namespace:
            return super()._dynamic_function_reduce(func)
        self.needs |= globals_of(func.__code__)
        state, slots = internals._function_getstate(func)
        slots = {name: slots[name] for name in _SLOTS}
        cells = len(func.__code__.co_freevars)
        return _make_function, (_portable(func.__code__), cells), (state, slots, func.__closure__), None, None, _fill


_SLOTS = ("__name__", "__qualname__", "__annotations__", "__kwdefaults__", "__defaults__", "__module__", "__doc__")


def _make_function(code: types.CodeType, cells: int) -> types.FunctionType:
    closure = tuple(types.CellType() for _ in range(cells)) or None
    return types.FunctionType(code, _receiver.get(), None, None, closure)


def _fill(function: types.FunctionType, state: tuple[dict[str, Any], dict[str, Any], tuple[Any, ...] | None]) -> None:
    attributes, slots, closure = state
    function.__dict__.update(attributes)
    for name, value in slots.items():
        setattr(function, name, value)
    for mine, kept in zip(function.__closure__ or (), closure or (), strict=True):
        try:
            mine.cell_contents = kept.cell_contents
        except ValueError:
            continue  # the cell was empty


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _portable(code: types.CodeType) -> types.CodeType:
    """Leave out the file name, in which IPython puts the process id: equal functions give equal bytes."""
    constants = tuple(_portable(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename="<notebook>", co_consts=constants)


def _track(cls: type) -> None:
    """Give a class of the notebook an id that is the same in every process, so that it stays one class everywhere."""
    if cls in internals._DYNAMIC_CLASS_TRACKER_BY_CLASS:
        return
    parts = [cls.__qualname__, *(base.__qualname__ for base in cls.__mro__)]
    for name, member in sorted(vars(cls).items()):
        function = getattr(member, "__func__", getattr(member, "fget", member))
        code = getattr(function, "__code__", None)
        parts.append(name if code is None else f"{name} {code.co_code.hex()} {code.co_names} {code.co_varnames}")
    identity = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with internals._DYNAMIC_CLASS_TRACKER_LOCK:
        internals._DYNAMIC_CLASS_TRACKER_BY_CLASS[cls] = identity
        internals._DYNAMIC_CLASS_TRACKER_BY_ID.setdefault(identity, cls)

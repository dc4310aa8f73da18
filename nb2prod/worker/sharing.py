"""Sharing: which values share an object that can change, so that they must be stored together."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nb2prod.formats.reducers import root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Values that cannot change: sharing them means nothing.
_ATOMS: tuple[type, ...] = (
    int, float, complex, bool, str, bytes, type(None), types.ModuleType, types.CodeType, range, type(Ellipsis),
    type(NotImplemented),
)  # fmt: skip
# What a class has without holding an object that can change.
_MEMBERS: Any = (
    *_ATOMS, type, tuple, types.FunctionType, types.MemberDescriptorType, types.GetSetDescriptorType, classmethod,
    staticmethod, property,
)  # fmt: skip
_MANY = 100_000  # objects to look at for one name; a larger value counts as sharing with every other large one


def groups(values: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Group names whose values share an object that can change, so that each group can be stored as one.

    Returns:
        Groups in order of their first name, each sorted.
    """
    parent = {name: name for name in values}

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    owner: dict[int, str] = {}
    for name, value in values.items():
        for identity in _mutable(value):
            first = owner.setdefault(identity, name)
            parent[find(name)] = find(first)
    found: dict[str, list[str]] = {}
    for name in values:
        found.setdefault(find(name), []).append(name)
    return [tuple(sorted(names)) for names in found.values()]


def holders(values: Mapping[str, Any], names: set[str]) -> set[str]:
    """Return `names` and those that share objects with them: what these refer to weakly would be gone without those."""
    return {name for group in groups(values) if names.intersection(group) for name in group}


def refers_weakly(value: Any) -> bool:
    """Tell whether a value refers weakly to others: itself, or what it holds directly."""
    items = [value]
    if isinstance(value, dict):
        items += value.values()
    elif isinstance(value, list | tuple | set):
        items += value
    elif type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
        items += vars(value).values()
    return any(isinstance(item, _WEAK) for item in items)


_WEAK = (weakref.ref, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)


def _mutable(value: Any) -> set[int]:
    """Return the identities of changeable objects reachable from a value; 0 stands for «too many to look at»."""
    seen: dict[int, Any] = {}  # kept, so that no identity is given to another object meanwhile
    found: set[int] = set()
    pending = [value]
    while pending:
        item = pending.pop()
        if _is_atom(item) or id(item) in seen:
            continue
        seen[id(item)] = item
        if len(seen) > _MANY:
            return found | {0}
        if not isinstance(item, tuple | frozenset | types.BuiltinFunctionType):
            found.add(_root(item))
        pending.extend(_inside(item))
    return found


def _is_atom(item: Any) -> bool:
    if isinstance(item, type):
        # A class of the notebook holds what its attributes hold; one without such attributes cannot change.
        return not any(True for _ in _attributes(item))
    return isinstance(item, _ATOMS) and item == item  # «not a number» is found again by identity


def _attributes(cls: type) -> Iterator[Any]:
    """Yield what a class of the notebook holds, its bases and its metaclass."""
    kind: type = type(cls)
    for each in (*cls.__mro__, *kind.__mro__):
        if each.__module__ == "__main__":
            for name, value in vars(each).items():
                if isinstance(value, types.FunctionType):
                    yield from _enclosed(value)
                elif not name.startswith(("__", "_abc_")) and not isinstance(value, _MEMBERS):
                    yield value


def _enclosed(function: types.FunctionType) -> Iterator[Any]:
    """Yield what a method holds; the class itself, of which `super()` reminds it, is no news."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # nothing is in it yet
            if not isinstance(cell.cell_contents, _MEMBERS):
                yield cell
    yield from (value for value in function.__defaults__ or () if not isinstance(value, _MEMBERS))


def _root(item: Any) -> int:
    """Return the identity of an object, for a NumPy view that of the array it looks at."""
    return id(root(item)) if isinstance(item, _array()) else id(item)


def _inside(item: Any) -> list[Any]:
    if isinstance(item, types.BuiltinFunctionType):
        return [] if isinstance(item.__self__, types.ModuleType | type) else [item.__self__]  # `xs.append`
    if isinstance(item, types.FunctionType):
        # Not its globals: those are the notebook's namespace, which holds everything.
        own = [*(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).values(), *vars(item).values()]
        return [*(item.__closure__ or ()), *own]
    if isinstance(item, type):
        return list(_attributes(item))
    if _is_table(item):
        return _columns(item)
    if isinstance(item, _array()) and item.dtype.hasobject and item.dtype.names is None:
        return [value for value in item.ravel()[:_MANY] if not isinstance(value, _ATOMS)]
    if isinstance(item, weakref.ref):
        return [item()]
    return [r for r in gc.get_referents(item) if not isinstance(r, _ATOMS) or (type(r) is float and r != r)]


def _array() -> Any:
    numpy = sys.modules.get("numpy")
    return () if numpy is None else numpy.ndarray


def _is_table(item: Any) -> bool:
    """True for what holds data; what refers to it, such as a frame's groups, does so like any object."""
    library = type(item).__module__.partition(".")[0]
    if library != "pandas":
        return library in {"polars", "pyarrow"}
    return isinstance(item, sys.modules["pandas"].core.base.PandasObject) and not hasattr(item, "obj")


def _columns(item: Any) -> list[Any]:
    """Return what a frame holds that others may hold too: the objects in columns of objects."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(item, pandas.DataFrame | pandas.Series):
        return []
    columns = [item] if isinstance(item, pandas.Series) else [item.iloc[:, n] for n in range(item.shape[1])]
    objects = [column for column in columns if column.dtype == object]
    found = [value for column in objects for value in column.to_numpy()[:_MANY] if not isinstance(value, _ATOMS)]
    if int(pandas.__version__.partition(".")[0]) < 3:
        # Before pandas 3 two frames may look at the same memory, and see each other's changes.
        found += [column.to_numpy() for column in columns if column.dtype.kind in "biufcmM"]
    return found

"""Instances: objects of the notebook's own classes, moved as they are.

A class may say how it is pickled or copied (`__reduce__`, `__getstate__`), leave something out when it is, or count
what is made of it (`__new__`, `__setitem__`). None of that happens when a notebook is run straight through, so it is
passed over; it is asked only where the object as it is cannot be stored.
"""

from __future__ import annotations

import copyreg
from typing import Any

MAIN = "__main__"
# Bases without a state of their own.
_STATELESS = frozenset({"abc", "collections.abc", "_collections_abc", "contextlib", "numbers", "typing"})
_HOOKS = frozenset({
    "__copy__", "__deepcopy__", "__getnewargs__", "__getnewargs_ex__", "__getstate__", "__new__", "__reduce__",
    "__reduce_ex__", "__setattr__", "__setstate__",
})  # fmt: skip
# What pickle calls to fill a container again, or to look into it.
_FILLING = frozenset({
    "__contains__", "__getitem__", "__init__", "__iter__", "__setitem__", "add", "append", "extend", "items", "update",
})  # fmt: skip
_KINDS: tuple[Any, ...] = (dict, list, set, frozenset, object)


def hooked(value: Any) -> bool:
    """Tell whether pickle would run code of the notebook to store an object, or to make it again."""
    cls = type(value)
    if getattr(cls, "__module__", "") != MAIN:
        return False
    own = [c for c in cls.__mro__ if c.__module__ == MAIN]
    rest = [c for c in cls.__mro__ if c.__module__ not in {MAIN, *_STATELESS}]
    kind = next((k for k in _KINDS if k in rest), None)
    if kind is None or any(c not in (kind, object) for c in rest):
        return False
    names = _HOOKS if kind is object else _HOOKS | _FILLING
    return cls in copyreg.dispatch_table or any(not names.isdisjoint(vars(c)) for c in own)


def reduce(value: Any) -> Any:
    """Return how to make such an object again without its class noticing."""
    cls = type(value)
    kind = next(k for k in _KINDS if k in cls.__mro__)
    slots = {name: _slot(value, name) for name in copyreg._slotnames(cls) if _has(value, name)}  # type: ignore[attr-defined]
    items = () if kind is object else dict(dict.items(value)) if kind is dict else list(kind.__iter__(value))
    given = (items,) if kind is frozenset else ()
    try:
        state = dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        state = {}
    filling = () if kind is frozenset else items
    return _made, (cls, _KINDS.index(kind), *given), (state, slots, filling), None, None, _fill


def _slot(value: Any, name: str) -> Any:
    return object.__getattribute__(value, name)


def _has(value: Any, name: str) -> bool:
    try:
        _slot(value, name)
    except AttributeError:
        return False
    return True


def _made(cls: type, kind: int, *items: Any) -> Any:
    return _KINDS[kind].__new__(cls, *items)


def _fill(value: Any, state: tuple[dict[str, Any], dict[str, Any], Any]) -> None:
    attributes, slots, items = state
    if attributes:
        object.__getattribute__(value, "__dict__").update(attributes)
    for name, item in slots.items():
        object.__setattr__(value, name, item)
    if items:
        kind = next(k for k in _KINDS if isinstance(value, k))
        (list.extend if kind is list else kind.update)(value, items)


# objects of libraries


def reduce_tree(value: Any) -> Any:
    """Return how to make a tree of HTML again with its very branches, which other names may hold."""
    return object.__new__, (type(value),), (dict(vars(value)), {}, ()), None, None, _fill


def reduce_curried(value: Any) -> Any:
    """Return how to curry a function of the notebook again, which toolz would look up in a module."""
    if getattr(value.func, "__module__", None) != MAIN:
        return NotImplemented
    return _curried, (type(value), value.func, value.args, value.keywords)


def _curried(curry: Any, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return curry(function, *args, **named)

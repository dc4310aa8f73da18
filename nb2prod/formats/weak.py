"""Weak references: stored with what they refer to, which is held on the other side by what holds it on this one.

A value that refers weakly to what another name holds shares it with that name, so that both are kept in one artifact.
"""

from __future__ import annotations

import weakref
from typing import Any

Collection = weakref.WeakSet[Any] | weakref.WeakKeyDictionary[Any, Any] | weakref.WeakValueDictionary[Any, Any]


class _Gone:
    """What a dead reference referred to."""


def reduce_reference(value: weakref.ref[Any]) -> Any:
    """Return how to make a reference again; other kinds of references, such as those in collections, are not known."""
    if isinstance(value, weakref.WeakMethod):
        method = value()
        return (_dead, ()) if method is None else (weakref.WeakMethod, (method,))
    if type(value) is not weakref.ref:
        return NotImplemented
    referent = value()
    callback = () if value.__callback__ is None else (value.__callback__,)
    return (_dead, ()) if referent is None else (weakref.ref, (referent, *callback))


def _dead() -> weakref.ref[Any]:
    return weakref.ref(_Gone())


def reduce_collection(value: Collection) -> Any:
    """Return how to fill a collection again, after it was made, since what is in it may hold it."""
    items = dict(value) if isinstance(value, weakref.WeakKeyDictionary | weakref.WeakValueDictionary) else list(value)
    return type(value), (), items, None, None, _fill


def _fill(collection: Collection, items: Any) -> None:
    collection.update(items)

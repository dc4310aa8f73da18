"""Reducers: how values are stored that pickle knows no way for, and that can be made again exactly."""

from __future__ import annotations

import functools
import gc
import importlib
import io
import sys
import threading
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())
MAIN = "__main__"


class Unkeepable(Exception):
    """The value cannot be stored; says why."""


def reduce(value: Any) -> Any:
    """Return how to make `value` again, as `object.__reduce__` does, or NotImplemented.

    Raises:
        Unkeepable: It would come back as another thing.
    """
    for kind, reducer in _REDUCERS:
        if isinstance(value, kind):
            return reducer(value)
    if "IPython" in sys.modules and isinstance(value, sys.modules["IPython"].core.interactiveshell.InteractiveShell):
        return _shell, ()
    return NotImplemented


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def _stream(value: Any) -> Any:
    if not isinstance(value, io.BytesIO | io.StringIO):
        # cloudpickle would store what a file holds now, which is another thing than the open file.
        raise Unkeepable("an open file cannot be stored")
    return (_closed, (type(value),)) if value.closed else NotImplemented


def _closed(cls: type[io.IOBase]) -> Any:
    stream = cls()
    stream.close()
    return stream


def _lock(value: Any) -> Any:
    # A free lock is as good as another: nobody waits for it.
    if "unlocked" not in repr(value):
        raise Unkeepable("a lock that is held cannot be stored")
    return (threading.Lock if isinstance(value, _LOCK) else threading.RLock), ()


def _view_of(mapping: dict[Any, Any], kind: str) -> Any:
    return getattr(mapping, kind)()


def _dict_view(value: Any) -> Any:
    mapping = next(item for item in gc.get_referents(value) if isinstance(item, dict))
    return _view_of, (mapping, _VIEWS[type(value)])


def _cached(value: Any) -> Any:
    if value.__module__ != MAIN:
        return NotImplemented
    return _cache, (value.__wrapped__, value.cache_parameters())


def _cache(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _property(value: functools.cached_property[Any]) -> Any:
    return _named_property, (value.func, value.attrname)


def _named_property(function: Callable[[Any], Any], name: str | None) -> Any:
    found = functools.cached_property(function)
    if name is not None:
        found.__set_name__(object, name)
    return found


def _new_type(value: Any) -> Any:
    if value.__module__ != MAIN:
        return NotImplemented
    return typing.NewType, (value.__name__, value.__supertype__)


_REDUCERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (io.IOBase, _stream),
    (_LOCK, _lock),
    (_RLOCK, _lock),
    (tuple(_VIEWS), _dict_view),
    (functools._lru_cache_wrapper, _cached),
    (functools.cached_property, _property),
    (typing.NewType, _new_type),
)


def root(array: Any) -> Any:
    """Return the array whose memory a NumPy array looks at: itself, unless it is a view of another array."""
    numpy = sys.modules["numpy"]
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array


def reduce_view(array: Any) -> Any:
    """Return how to make a NumPy view again on the array that it looks at, which must be stored with it."""
    base = root(array)
    if not (base.flags.c_contiguous or base.flags.f_contiguous):
        return NotImplemented
    offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return _look, (base, array.shape, array.dtype, offset, array.strides)


def _look(base: Any, shape: tuple[int, ...], dtype: Any, offset: int, strides: tuple[int, ...]) -> Any:
    numpy = importlib.import_module("numpy")
    buffer = base if base.flags.c_contiguous else base.T
    return numpy.ndarray(shape, dtype, buffer=buffer, offset=offset, strides=strides)


def is_array(value: Any) -> bool:
    """True for a plain NumPy array with memory that can be shared."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and not value.dtype.hasobject

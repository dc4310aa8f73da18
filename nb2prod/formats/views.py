"""Views: NumPy arrays that look at the memory of another one, and arrays of classes of their own."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any


def root(array: Any) -> Any:
    """Return the array whose memory a NumPy array looks at: itself, unless it is a view of another array."""
    numpy = sys.modules["numpy"]
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array


def is_array(value: Any) -> bool:
    """True for a NumPy array that is stored as NumPy stores arrays, with memory that can be shared."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray) or isinstance(value, numpy.memmap):
        return False
    return type(value).__reduce__ is numpy.ndarray.__reduce__


def is_plain(array: Any) -> bool:
    """True for an array of NumPy's own class without objects in it."""
    return type(array) is sys.modules["numpy"].ndarray and not array.dtype.hasobject


def reduce_array(array: Any) -> Any:
    """Return how to make an array again that owns its memory, with what its class has set on it."""
    attributes = getattr(array, "__dict__", None)
    if not attributes:
        return NotImplemented
    plain = array.view(sys.modules["numpy"].ndarray)
    return _dressed, (plain if plain.base is None else plain.copy("K"), type(array)), attributes, None, None, _dress


def reduce_view(array: Any) -> Any:
    """Return how to make a view again on the array that it looks at, which must be stored with it."""
    base = root(array)
    if not (base.flags.c_contiguous or base.flags.f_contiguous):
        return NotImplemented
    offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if array.dtype.hasobject and (array.dtype != base.dtype or not base.itemsize or offset % base.itemsize):
        return NotImplemented
    look = (base, array.shape, array.dtype, offset, array.strides, type(array))
    return _look, look, getattr(array, "__dict__", None) or {}, None, None, _dress


def _look(  # noqa: PLR0913 - what a view is
    base: Any, shape: tuple[int, ...], dtype: Any, offset: int, strides: tuple[int, ...], cls: type
) -> Any:
    numpy = importlib.import_module("numpy")
    if dtype.hasobject:
        flat = base.view(numpy.ndarray).ravel(order="K")[offset // base.itemsize :]
        found = numpy.lib.stride_tricks.as_strided(flat, shape, strides)
    else:
        buffer = base if base.flags.c_contiguous else base.T
        found = numpy.ndarray(shape, dtype, buffer=buffer, offset=offset, strides=strides)
    return found if cls is numpy.ndarray else found.view(cls)


def _dressed(plain: Any, cls: type) -> Any:
    return plain.view(cls)


def _dress(array: Any, attributes: dict[str, Any]) -> None:
    if attributes:
        array.__dict__.update(attributes)


def reduce_map(array: Any) -> Any:
    """Return how to map a file into memory again; what was written is in the file."""
    if array.filename is None or isinstance(array.base, type(array)):
        return NotImplemented
    array.flush()
    mode = "r+" if array.mode == "w+" else array.mode
    return _map, (str(array.filename), array.dtype, mode, array.offset, array.shape, _order(array))


def _order(array: Any) -> str:
    return "C" if array.flags.c_contiguous else "F"


def _map(  # noqa: PLR0913 - what NumPy is told
    path: str, dtype: Any, mode: str, offset: int, shape: tuple[int, ...], order: str
) -> Any:
    return importlib.import_module("numpy").memmap(path, dtype, mode, offset, shape, order)


def reduce_archive(value: Any) -> Any:
    """Return how to open a file of arrays again, which reads each of them when it is asked for."""
    path = getattr(value.zip, "filename", None)
    if path is None:
        return NotImplemented
    return _archive, (os.path.abspath(path), value.allow_pickle)  # noqa: PTH100 - as the file system was told


def _archive(path: str, allow_pickle: bool) -> Any:  # noqa: FBT001 - what NumPy is told
    return importlib.import_module("numpy").load(path, allow_pickle=allow_pickle)

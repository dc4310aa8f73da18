"""Arrays: NumPy arrays whose memory NumPy itself would copy into the pickle, kept out of it like that of the others."""

from __future__ import annotations

import importlib
from pickle import PickleBuffer
from typing import Any


def reduce(array: Any) -> Any:
    """Return how to make a plain array without objects again, or NotImplemented where NumPy's own way is as good.

    NumPy copies times, and records that may have some, since Python's buffers have no letter for them; and it copies
    what does not lie in memory without gaps.
    """
    whole = array.flags.c_contiguous or array.flags.f_contiguous
    if (whole and array.dtype.kind not in "mMV") or not array.nbytes:
        return NotImplemented
    numpy = importlib.import_module("numpy")
    order = "F" if array.flags.fnc else "C"
    memory = array if whole else numpy.ascontiguousarray(array)
    data = PickleBuffer(memory.ravel(order=order).view(numpy.uint8))
    return _array, (data, array.dtype, array.shape, order)


def _array(data: Any, dtype: Any, shape: tuple[int, ...], order: Any) -> Any:
    numpy = importlib.import_module("numpy")
    return numpy.frombuffer(data, numpy.uint8).view(dtype).reshape(shape, order=order)

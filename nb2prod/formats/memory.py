"""Memory views: stored with the object whose bytes they look at, which its own names still share with them."""

from __future__ import annotations

import ctypes
from typing import Any

from nb2prod.formats.unkeepable import Unkeepable


def reduce_memory(value: memoryview) -> Any:
    """Return how to look at the same bytes again.

    Raises:
        Unkeepable: It looks at every other byte or its like, or was released.
    """
    try:
        whole = memoryview(value.obj)
    except ValueError as wrong:
        raise Unkeepable(str(wrong)) from None
    if not (value.c_contiguous and whole.c_contiguous):
        raise Unkeepable("a memoryview whose bytes are not side by side")
    if whole.readonly:  # nobody can tell it from a copy
        return _look, (value.tobytes(), 0, value.nbytes, value.format, value.shape, True)
    if value.readonly and value.nbytes != whole.nbytes:
        raise Unkeepable("a read-only memoryview of a part")
    offset = 0 if value.nbytes in (0, whole.nbytes) else _address(value) - _address(whole)
    return _look, (value.obj, offset, value.nbytes, value.format, value.shape, value.readonly)


def _address(value: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(value))


def _look(obj: Any, offset: int, size: int, kind: str, shape: tuple[int, ...], readonly: bool) -> memoryview:  # noqa: PLR0913, FBT001
    found = memoryview(obj).cast("B")[offset : offset + size]
    if kind != "B" or len(shape) != 1:
        found = found.cast(kind, shape)  # type: ignore[call-overload]
    return found.toreadonly() if readonly else found

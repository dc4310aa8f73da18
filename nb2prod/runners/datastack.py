"""Data stack: room for the frames of all calls in one piece of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")

_SLOTS = (1 << 16) + 1  # of a frame: 512 KiB and a bit, for which CPython takes 1 MiB, and the rest is for others


def in_one_piece(call: Callable[[], T]) -> T:
    """Call a function; the calls that it makes find the memory for their frames there already.

    CPython keeps frames in pieces of 16 KiB. It asks the system for the next one, and gives it back, whenever a call
    passes the end of one: where an import happens to be at that depth, thousands of times. A frame that is larger than
    that has a piece of its own, with room behind it; memory that nothing is written to is none.
    """

    def large() -> T:
        return call()

    large.__code__ = large.__code__.replace(co_stacksize=_SLOTS)
    return large()

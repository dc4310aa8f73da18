from __future__ import annotations

import sys

from nb2prod.runners.datastack import in_one_piece


def depth() -> int:
    frame, found = sys._getframe(), 0
    while frame.f_back is not None:
        frame, found = frame.f_back, found + 1
    return found


def test_what_a_call_gives_and_raises_comes_through() -> None:
    assert in_one_piece(lambda: 7) == 7


def test_calls_go_as_deep_as_anywhere() -> None:
    def down(levels: int) -> int:
        return down(levels - 1) + 1 if levels else 0

    levels = sys.getrecursionlimit() - depth() - 20

    assert in_one_piece(lambda: down(levels)) == levels

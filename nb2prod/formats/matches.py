"""Matches: what a regular expression has found, found again in the same text."""

from __future__ import annotations

import re
from typing import Any

from nb2prod.formats.unkeepable import Unkeepable

_WAYS = ("search", "match", "fullmatch")


def reduce_match(value: re.Match[Any]) -> Any:
    """Return how to find the same again.

    Raises:
        Unkeepable: Another search would find another place.
    """
    for way in _WAYS:
        # From where the match begins, since the search may have begun above other matches.
        for start in (value.pos, value.start()):
            if _same(_found(value.re, way, value.string, start, value.endpos), value):
                return _found, (value.re, way, value.string, start, value.endpos)
    raise Unkeepable("what this regular expression has found cannot be found again by itself")


def _found(pattern: re.Pattern[Any], way: str, text: Any, start: int, end: int) -> Any:
    return getattr(pattern, way)(text, start, end)


def _same(found: re.Match[Any] | None, value: re.Match[Any]) -> bool:
    return found is not None and found.regs == value.regs and found.lastindex == value.lastindex

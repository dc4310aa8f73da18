"""Scalars: the numbers, texts and booleans within JSON, each by its path, as columns that can be counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Path = tuple[str, ...]

KINDS: Mapping[type, str] = {bool: "boolean", int: "number", float: "number", str: "text"}
MOST = 50  # that are watched


def found(rows: Sequence[Any]) -> dict[Path, str]:
    """Return the paths of what rows have, and of what kind each is; what is of several kinds, or in arrays, is none."""
    made: dict[Path, set[str]] = {}
    for row in rows:
        for path, value in _within(row, ()):
            made.setdefault(path, set()).add(KINDS[type(value)])
    return dict([(path, kinds.pop()) for path, kinds in made.items() if len(kinds) == 1][:MOST])


def column(rows: Sequence[Any], path: Path, kind: str) -> Array:
    """Return what rows have at a path; what is missing there, or of another kind, is NaN."""
    values = [_at(row, path, kind) for row in rows]
    if kind == "number":
        return np.array([_number(value) for value in values], dtype=float)
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def _within(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if type(value) in KINDS:
        yield path, value
    elif type(value) is dict:
        for key, one in value.items():
            yield from _within(one, (*path, str(key)))


def _at(value: Any, path: Path, kind: str) -> Any:
    for key in path:
        value = value.get(key) if type(value) is dict else None
    return value if KINDS.get(type(value)) == kind else math.nan


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf if value > 0 else -math.inf

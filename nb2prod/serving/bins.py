"""Bins: how the values of one feature, or of the predictions, are counted; only counts are kept, never a value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import define, field

Array = np.ndarray[Any, Any]

LEAST = 5  # rows that any bin of a profile stands for, so that it tells of nobody
NUMBERS = 10  # bins of numbers
NAMES = 20  # values that have a bin of their own
DIGITS = 3  # of an edge: more would be somebody's own value


@define(eq=False)
class Bins:
    """The bins of one feature; the last is of what is missing, and of named values the last but one of all others."""

    key: str
    kind: str  # number: between edges; name: one a value; length: of a text, between edges
    edges: Sequence[float] = ()
    names: Sequence[Any] = ()
    places: Mapping[Any, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.places = {name: n for n, name in enumerate(self.names)}

    @property
    def size(self) -> int:
        """Return how many bins there are."""
        return (len(self.names) + 1 if self.kind == "name" else len(self.edges) + 1) + 1

    def labels(self) -> list[str]:
        """Name the bins for people."""
        if self.kind == "name":
            return [*(_text(name) for name in self.names), "other", "missing"]
        ends = [f"{edge:g}" for edge in self.edges]
        if not ends:
            return ["any", "missing"]
        inner = [f"{low} to {high}" for low, high in pairwise(ends)]
        return [f"below {ends[0]}", *inner, f"{ends[-1]} and more", "missing"]

    def count(self, values: Array) -> Array:
        """Count values by bin; NaN and None are missing."""
        if self.kind == "name":
            return self._named(values)
        numbers = _lengths(values) if self.kind == "length" else np.asarray(values, dtype=float)
        whole = numbers[~np.isnan(numbers)]
        found = np.bincount(np.searchsorted(self.edges, whole, side="right"), minlength=self.size)
        found[-1] = len(numbers) - len(whole)
        return found

    def _named(self, values: Array) -> Array:
        found = np.zeros(self.size, dtype=np.int64)
        other, missing = self.size - 2, self.size - 1
        for value, times in Counter(np.asarray(values).tolist()).items():
            gap = value is None or value != value
            found[missing if gap else self.places.get(value, other)] += times
        return found

    def json(self) -> dict[str, Any]:
        """Write them."""
        return {"key": self.key, "kind": self.kind, "edges": list(self.edges), "names": list(self.names)}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Bins:
        """Read them."""
        return cls(key=raw["key"], kind=raw["kind"], edges=raw["edges"], names=raw["names"])


def named(key: str, values: Array, *, least: int = LEAST) -> Bins:
    """Give the most frequent values a bin each, if enough rows have them."""
    gone = Counter(v for v in np.asarray(values).tolist() if v is not None and v == v)
    return Bins(key=key, kind="name", names=[name for name, times in gone.most_common(NAMES) if times >= least])


def numbered(key: str, values: Array, *, least: int = LEAST, kind: str = "number") -> Bins:
    """Put edges at the quantiles of numbers, or of the lengths of texts, such that every bin holds enough rows."""
    numbers = _lengths(values) if kind == "length" else np.asarray(values, dtype=float)
    whole = numbers[np.isfinite(numbers)]
    parts = min(NUMBERS, len(whole) // least)
    if parts < 2:
        return Bins(key=key, kind=kind)
    quantiles = np.quantile(whole, np.arange(1, parts) / parts)
    edges = sorted({float(f"{q:.{DIGITS}g}") for q in quantiles.tolist()})
    # Rounded and equal quantiles make bins of other sizes than they were meant to have.
    while edges:
        counts = np.bincount(np.searchsorted(edges, whole, side="right"), minlength=len(edges) + 1)
        small = int(np.argmin(counts))
        if counts[small] >= least:
            break
        edges.pop(max(0, small - 1))
    return Bins(key=key, kind=kind, edges=edges)


def _lengths(values: Array) -> Array:
    return np.array([len(v) if isinstance(v, str) else math.nan for v in np.asarray(values).tolist()], dtype=float)


def _text(name: Any) -> str:
    return str(name).lower() if isinstance(name, bool) else str(name)

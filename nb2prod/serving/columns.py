"""Column: what the values of one field of a request must be, and the array they become."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
from attrs import define, field

from .faults import Fault

TYPES: Mapping[str, frozenset[type]] = {
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "text": frozenset({str}),
    "time": frozenset({str}),
    "array": frozenset({list}),
}
NAMES = {int: "an integer", float: "a number", bool: "a boolean", str: "a text", list: "an array", dict: "an object"}
WANTED = {"integer": "an integer", "number": "a number", "boolean": "true or false", "text": "a text"}
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?")
# What pandas can count in nanoseconds; a column of another unit is as narrow, to be safe.
EARLIEST, LATEST = "1677-09-22", "2262-04-11"
NONE = frozenset({type(None)})


@define(eq=False)
class Column:
    """The rules of one field. Checking many values costs a few passes in C; only faults are looked for one by one."""

    key: str
    kind: str
    dtype: str  # as pandas calls it
    array: str  # NumPy's nearest
    nullable: bool
    allowed: frozenset[Any] | None  # the only values, where there are only some
    known: frozenset[Any] | None  # the values that were seen, where others are worth a warning
    low: float
    high: float  # of the dtype, or of what was seen when the policy says so
    why: str  # of low and high
    shape: tuple[int, ...] = ()  # of arrays
    types: frozenset[type] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.types = TYPES[self.kind] if self.allowed is None else frozenset(map(type, self.allowed))
        if self.nullable:
            self.types |= NONE

    def take(self, values: Sequence[Any]) -> np.ndarray[Any, Any] | None:
        """Turn values into an array, or return None when one of them is at fault."""
        if not set(map(type, values)) <= self.types:
            return None
        if self.allowed is not None:
            return _objects(values) if self.allowed.issuperset(self._given(values)) else None
        if self.kind in {"integer", "number"}:
            return self._numbers(values)
        if self.kind == "array":
            return self._arrays(values)
        if self.kind == "time" and any(self._wrong(v) for v in values if v is not None):
            return None
        return np.array(values, dtype=bool) if self.kind == "boolean" and not self.nullable else _objects(values)

    def _numbers(self, values: Sequence[Any]) -> np.ndarray[Any, Any] | None:
        given = [v for v in values if v is not None] if self.nullable else values
        low, high = self.low, self.high
        # Infinities are out of any bounds, and NaN is within none.
        if not all(low <= v <= high for v in given):
            return None
        # A column of integers in which some are missing becomes one of numbers before a model sees it.
        return np.array(values, dtype=float if self.kind == "integer" and self.nullable else self.array)

    def _arrays(self, values: Sequence[Any]) -> np.ndarray[Any, Any] | None:
        try:
            made = np.array(values)
        except ValueError:  # its parts are not as long as each other
            return None
        whole = np.dtype(self.array).kind in "iu"
        if made.shape != (len(values), *self.shape) or made.dtype.kind not in ("iu" if whole else "iuf"):
            return None
        leaves: Iterable[Any] = values
        for _ in self.shape:
            leaves = chain.from_iterable(leaves)
        if not set(map(type, leaves)) <= {int, float} or not ((made >= self.low) & (made <= self.high)).all():
            return None
        return made.astype(self.array)

    def _given(self, values: Iterable[Any]) -> set[Any]:
        return set(values) - {None}

    def faults(self, values: Sequence[Any], rows: Sequence[int]) -> Iterator[Fault]:
        """Yield what is wrong, value by value."""
        for value, row in zip(values, rows, strict=True):
            found = None if value is None and self.nullable else self._wrong(value)
            if found:
                yield Fault(code=found[0], message=found[1], row=row, field=self.key)

    def unknown(self, values: Sequence[Any]) -> Iterator[tuple[int, Fault]]:
        """Yield a warning for each value that was never seen, with its place."""
        if self.known is None or self.known.issuperset(self._given(values)):
            return
        for row, value in enumerate(values):
            if value is not None and value not in self.known:
                said = f"{_shown(value)} was not seen in training; the model treats it as unknown"
                yield row, Fault(code="category", message=said, row=row, field=self.key)

    def _wrong(self, value: Any) -> tuple[str, str] | None:
        """Say what is wrong with one value, as a code and a sentence."""
        if value is None:
            return "null", "must not be null: it was never missing in training"
        if self.allowed is not None:
            known = type(value) in self.types and value in self.allowed
            return None if known else ("category", f"{_shown(value)} is none of the known values: {self._listed()}")
        if type(value) not in TYPES[self.kind]:
            if self.kind == "array":
                return "type", self._shaped()
            wanted = WANTED.get(self.kind, "a time as text, such as '2026-01-31T08:00:00'")
            return "type", f"must be {wanted}, not {NAMES.get(type(value), 'null')}"
        if self.kind == "time":
            return self._mistimed(value)
        if self.kind == "array":
            return None if self._arrays([value]) is not None else ("shape", self._shaped())
        if self.kind in {"integer", "number"}:
            if not math.isfinite(_floated(value)):
                return "not_finite", "must be a finite number"
            if not self.low <= value <= self.high:
                return "range", f"must be from {self.low:g} to {self.high:g}, {self.why}"
        return None

    def _mistimed(self, value: str) -> tuple[str, str] | None:
        aware = "," in self.dtype
        said = f"must be a time {'with' if aware else 'without'} a time zone, such as '2026-01-31T08:00:00'"
        match = ISO.fullmatch(value)
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return "type", said
        if not match or bool(match[3]) != aware:
            return "type", said
        return None if EARLIEST <= value[:10] < LATEST else ("range", f"must be from {EARLIEST} to {LATEST}")

    def _shaped(self) -> str:
        kind = "integers" if np.dtype(self.array).kind in "iu" else "numbers"
        shape = " \N{MULTIPLICATION SIGN} ".join(map(str, self.shape))
        return f"must be {shape} {kind} in arrays of arrays, each from {self.low:g} to {self.high:g}"

    def _listed(self) -> str:
        every = sorted(map(str, self.allowed or ()))
        return ", ".join(every[:20]) + (f" and {len(every) - 20} more" if len(every) > 20 else "")


def column(raw: Mapping[str, Any], *, unknown: str, ranges: str) -> Column:
    """Make the rules of a field from the service's schema.

    Args:
        raw: One of the schema's `fields`.
        unknown: What to do with a category that was not seen: `refuse`, `warn` or `pass`.
        ranges: What to do with a number outside of what was seen: `refuse` or `pass`.
    """
    seen = frozenset(raw["categories"])
    only = bool(raw["closed"]) or (bool(raw["category"]) and unknown == "refuse")
    low, high, why = _bounds(raw, strict=ranges == "refuse")
    return Column(
        key=raw["key"],
        kind=raw["kind"],
        dtype=raw["dtype"],
        array=_array(raw["kind"], raw["dtype"]),
        nullable=raw["nullable"],
        allowed=seen if only and seen else None,
        known=seen if raw["category"] and not only and unknown == "warn" else None,
        low=low,
        high=high,
        why=why,
        shape=tuple(raw.get("shape", ())),
    )


def _bounds(raw: Mapping[str, Any], *, strict: bool) -> tuple[float, float, str]:
    """Return the least and the largest number: Python's have no end, a column's have, and nothing may wrap around."""
    if strict and raw["low"] is not None:
        return raw["low"], raw["high"], "as it was in training"
    name, why = _array(raw["kind"], raw["dtype"]), f"as numbers of type {raw['dtype']} are"
    if raw["kind"] == "integer" or (raw["kind"] == "array" and np.dtype(name).kind in "iu"):
        return int(np.iinfo(name).min), int(np.iinfo(name).max), why
    top = float(np.finfo(name).max) if raw["kind"] in {"array", "number"} else math.inf
    return -top, top, why


def _array(kind: str, dtype: str) -> str:
    """Return NumPy's name for the numbers of a column; pandas' own types are written otherwise (`Int64`)."""
    if kind == "array":
        return dtype
    match = re.match(r"u?int\d+|float\d+", dtype.lower())
    if kind in {"integer", "number"} and match and match[0].startswith("float") == (kind == "number"):
        return match[0]
    return "int64" if kind == "integer" else "float64"


def _objects(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Make an array of objects; what is missing is NaN there, as in a notebook's columns, and null in JSON."""
    made = np.empty(len(values), dtype=object)
    made[:] = [math.nan if v is None else v for v in values]
    return made


def _floated(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."

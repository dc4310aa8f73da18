"""Table: the rows of a request, checked against what the model learnt from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from attrs import Factory, define, frozen
from pydantic_core import from_json

from .columns import Column, column
from .faults import SHOWN, Fault, Refused, short

MOST = 10_000  # rows of one request
LARGE = 100_000  # rows of one request in a format that is cheap to read
_UTF_16 = "it is UTF-16, and JSON is UTF-8"
# What texts begin with that other programs have written.
MARKS = {b"\xef\xbb": "it begins with a byte order mark", b"\xff\xfe": _UTF_16, b"\xfe\xff": _UTF_16}


@frozen(eq=False)
class Coded:
    """A column as its different values, and which of them each row has."""

    names: Sequence[Any]  # what is missing is NaN
    places: np.ndarray[Any, Any]

    def array(self) -> np.ndarray[Any, Any]:
        """Return the value of each row."""
        lines = np.empty(len(self.names), dtype=object)
        lines[:] = self.names
        made: np.ndarray[Any, Any] = lines.take(self.places)
        return made


@frozen(eq=False)
class Arrays(Sequence[np.ndarray[Any, Any]]):
    """Columns as arrays; one of texts is made when somebody looks, as most are only looked up by their codes."""

    given: list[np.ndarray[Any, Any] | Coded]

    def __len__(self) -> int:
        return len(self.given)

    @overload
    def __getitem__(self, place: int) -> np.ndarray[Any, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[np.ndarray[Any, Any]]: ...
    def __getitem__(self, place: int | slice) -> np.ndarray[Any, Any] | list[np.ndarray[Any, Any]]:
        if isinstance(place, slice):
            return [self[n] for n in range(*place.indices(len(self)))]
        found = self.given[place]
        if isinstance(found, Coded):
            found = self.given[place] = found.array()
        return found


@frozen(kw_only=True)
class Rows:
    """The rows of a request that passed, by column: as JSON gave them, and as arrays."""

    count: int
    values: Sequence[Sequence[Any]]
    arrays: Sequence[np.ndarray[Any, Any]]
    warnings: Mapping[int, Sequence[Fault]] = Factory(dict)
    coded: Mapping[int, Coded] = Factory(dict)  # columns of texts, where a format has each different one once

    def only(self, places: Sequence[int]) -> Rows:
        """Return some of the rows."""
        values = [[column[n] for n in places] for column in self.values]
        return Rows(count=len(places), values=values, arrays=[array[places] for array in self.arrays])


@define(eq=False)
class Table:
    """What a request may hold."""

    columns: tuple[Column, ...]
    keys: frozenset[str]

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Table:
        """Read a service's schema."""
        rules = {"unknown": "warn", "ranges": "pass", **schema.get("policy", {})}
        made = tuple(column(raw, unknown=rules["unknown"], ranges=rules["ranges"]) for raw in schema["fields"])
        return cls(columns=made, keys=frozenset(c.key for c in made))

    def parse(self, body: bytes) -> Rows:
        """Read a request's JSON, `{"rows": [...]}`.

        Raises:
            Refused: It is no JSON, or something in it is at fault.
        """
        return self.check(rows_of(body), most=MOST)

    def check(self, rows: Sequence[Any], *, most: int) -> Rows:
        """Check rows, each of them a mapping.

        Raises:
            Refused: With every fault there is.
        """
        if not 0 < len(rows) <= most:
            said = f"must hold 1 to {most:,} rows, not {len(rows):,}"
            raise refused([Fault(code="length", message=said, field="rows")])
        keys = self.keys
        if all(type(row) is dict and row.keys() == keys for row in rows):
            return self.take([[row[c.key] for row in rows] for c in self.columns])
        raise refused(list(self._faults(rows)))

    def take(self, values: Sequence[Sequence[Any]]) -> Rows:
        """Check whole columns, all of the same length.

        Raises:
            Refused: With every fault there is.
        """
        arrays = [c.take(given) for c, given in zip(self.columns, values, strict=True)]
        count = len(values[0])
        bad = [n for n, array in enumerate(arrays) if array is None]
        if bad:
            faults = [f for n in bad for f in self.columns[n].faults(values[n], range(count))]
            raise refused(sorted(faults, key=lambda f: f.row or 0))
        warnings: dict[int, list[Fault]] = {}
        for c, given in zip(self.columns, values, strict=True):
            if c.known is not None:
                for row, fault in c.unknown(given):
                    warnings.setdefault(row, []).append(fault)
        return Rows(count=count, values=values, arrays=[a for a in arrays if a is not None], warnings=warnings)

    def _faults(self, rows: Sequence[Any]) -> Iterator[Fault]:
        """Yield what is wrong with rows, row by row."""
        for number, row in enumerate(rows):
            if type(row) is not dict:
                yield Fault(code="type", message="a row must be an object with a value for each field", row=number)
                continue
            for key in sorted(row.keys() - self.keys):
                yield Fault(code="unexpected", message="is unknown here", row=number, field=key)
            for c in self.columns:
                if c.key not in row:
                    yield Fault(code="missing", message="is missing", row=number, field=c.key)
                else:
                    yield from c.faults([row[c.key]], [number])


def rows_of(body: bytes) -> list[Any]:
    """Read a request's JSON, and return its rows as they are.

    Raises:
        Refused: It is no JSON, or something around the rows is at fault.
    """
    asked = read(body)
    if type(asked) is not dict:
        raise Refused(400, 'The request must be an object: {"rows": [...]}.')
    rows = asked.get("rows")
    faults = [
        Fault(code="unexpected", message="is unknown; a request holds `rows` and nothing else", field=key)
        for key in asked.keys() - {"rows"}
    ]
    if "rows" not in asked:
        faults.append(Fault(code="missing", message="is missing", field="rows"))
    elif type(rows) is not list:
        faults.append(Fault(code="type", message="must be an array of objects", field="rows"))
    if faults:
        raise refused(faults)
    assert isinstance(rows, list)
    return rows


def refused(faults: Sequence[Fault]) -> Refused:
    """Make a refusal of faults."""
    count = f"{len(faults):,} fault{'s' if len(faults) != 1 else ''}"
    listed = f", of which {SHOWN:,} are listed" if len(faults) > SHOWN else ""
    return Refused(400, f"The request has {count}{listed}; nothing was predicted.", faults)


def read(body: bytes) -> Any:
    """Parse JSON as strictly as its standard: no NaN, no key twice, nothing after its end."""
    try:
        asked = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as wrong:
        asked = _misread(body, wrong)
    # Parsers keep the last of two equal keys, so one of them would be ignored without a word.
    if body.count(b":") != _keys(asked) and (twice := _twice(body)):
        raise Refused(400, f"The request is ambiguous: {short(twice)!r} is given twice in one object.")
    return asked


def _keys(asked: Any) -> int:
    """Count the keys of a request and its rows."""
    rows = asked.get("rows") if type(asked) is dict else None
    inner = sum(len(row) for row in rows if type(row) is dict) if type(rows) is list else 0
    return inner + (len(asked) if type(asked) is dict else 0)


def _misread(body: bytes, wrong: ValueError) -> Any:
    """Say why a body is no JSON; numbers that are not finite are found again, to be told by their field."""
    try:
        return from_json(body, allow_inf_nan=True)
    except ValueError:
        why = "it is empty" if not body.strip() else MARKS.get(body[:2], str(wrong))
        raise Refused(400, f"The request is not JSON: {why}.") from None


def _twice(body: bytes) -> str | None:
    """Return a key that one object has twice."""
    found: list[str] = []

    def pairs(items: Iterable[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                found.append(key)
            seen.add(key)

    json.loads(body, object_pairs_hook=pairs, parse_int=str, parse_float=str)
    return found[0] if found else None

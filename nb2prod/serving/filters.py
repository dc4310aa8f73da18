"""Filter: which rows and columns of a table a request asks for, checked against what the table has."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl

from attrs import define, field, frozen

from .faults import Fault, Refused, short

FEW, MOST = 100, 10_000  # rows of a page in JSON: as it is, and at most
COMPARED = ("lt", "lte", "gt", "gte")
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "integer": ("eq", "ne", *COMPARED, "in", "null"),
    "number": ("eq", "ne", *COMPARED, "in", "null"),
    "time": ("eq", "ne", *COMPARED, "in", "null"),
    "date": ("eq", "ne", *COMPARED, "in", "null"),
    "text": ("eq", "ne", "in", "contains", "null"),
    "boolean": ("eq", "ne", "null"),
    "other": ("null",),
}
WANTED: Mapping[str, str] = {
    "integer": "an integer",
    "number": "a finite number",
    "boolean": "true or false",
    "time": "a time, such as 2026-01-31T08:00:00",
    "date": "a date, such as 2026-01-31",
}
OWN = frozenset({"sort", "limit", "offset", "columns"})  # what is no column; a column of that name is `sort__eq`


@frozen(kw_only=True)
class Condition:
    """What one column's values must be."""

    column: str
    operation: str
    values: tuple[Any, ...]


@frozen(kw_only=True)
class Query:
    """A request, read."""

    conditions: tuple[Condition, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()  # columns, and whether the largest come first
    columns: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0


@define
class Reader:
    """Reads the query part of an address, and collects everything that is wrong with it."""

    columns: Mapping[str, Mapping[str, Any]]  # by key, as the product's description has them
    faults: list[Fault] = field(factory=list)

    def read(self, text: str) -> Query:
        """Read a query.

        Raises:
            Refused: With every fault there is.
        """
        given = self._pairs(text)
        conditions = tuple(
            found for name, said in given.items() if name not in OWN if (found := self._condition(name, said))
        )
        query = Query(
            conditions=conditions,
            sort=tuple(self._sorted(given.get("sort", ""))),
            columns=tuple(self._chosen(given.get("columns", ""))),
            limit=self._count("limit", given.get("limit"), 1, MOST),
            offset=self._count("offset", given.get("offset"), 0, 2**62) or 0,
        )
        if self.faults:
            count = f"{len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}"
            raise Refused(400, f"The request has {count}; nothing was selected.", self.faults)
        return query

    def _pairs(self, text: str) -> dict[str, str]:
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError as wrong:
            raise Refused(400, f"The address cannot be read: {str(wrong)[:200]}.") from None
        given: dict[str, str] = {}
        for name, value in pairs:
            if name in given:
                self._fault("twice", f"is given twice; several values are `{name.partition('__')[0]}__in=a,b`", name)
            given[name] = value
        return given

    def _condition(self, name: str, said: str) -> Condition | None:
        column, operation = name, "eq"
        if name not in self.columns and "__" in name:
            column, _, operation = name.rpartition("__")
        if column not in self.columns:
            self._unknown(column)
            return None
        kind = self.columns[column]["kind"]
        if operation not in OPERATIONS[kind]:
            known = ", ".join(f"{column}__{o}" for o in OPERATIONS[kind] if o != "eq")
            wrong = f"has no filter '{operation}'" if operation != "eq" else f"holds {kind} values, not to be compared"
            self._fault("filter", f"{wrong}; it has {known}", column)
            return None
        texts = said.split(",") if operation == "in" else [said]
        if operation == "null":
            kind = "boolean"
        values = [self._value(column, kind, text.strip() if kind != "text" else text) for text in texts]
        return None if None in values else Condition(column=column, operation=operation, values=tuple(values))

    def _value(self, column: str, kind: str, text: str) -> Any:
        """Read one value as its column's type; None, with a fault, when it is none."""
        try:
            value = PARSERS[kind](text)
        except (ValueError, OverflowError):
            value = None
        if value is None:
            self._fault("type", f"must be {WANTED[kind]}, not {short(text)!r}", column)
            return None
        about = self.columns[column]
        if kind == "integer" and not about["least"] <= value <= about["most"]:
            said = f"must be from {about['least']} to {about['most']}, as numbers of type {about['dtype']} are"
            self._fault("range", said, column)
            return None
        if kind == "time" and (value.tzinfo is not None) != about["zoned"]:
            how = "with" if about["zoned"] else "without"
            self._fault("type", f"must be a time {how} a time zone, such as {_zoned(zoned=about['zoned'])}", column)
            return None
        return value

    def _sorted(self, said: str) -> Iterator[tuple[str, bool]]:
        for name in self._names(said, "sort"):
            down = name.startswith("-") and name not in self.columns
            column = name[1:] if down else name
            if column not in self.columns:
                self._unknown(column, "sort")
            elif self.columns[column]["kind"] == "other":
                self._fault("sort", f"cannot be sorted by: {column} holds lists or objects", "sort")
            else:
                yield column, down

    def _chosen(self, said: str) -> Iterator[str]:
        for name in self._names(said, "columns"):
            if name in self.columns:
                yield name
            else:
                self._unknown(name, "columns")

    def _names(self, said: str, where: str) -> Sequence[str]:
        """Split a list of columns; a whole column may have a comma in its name."""
        names = [said] if said in self.columns else [n.strip() for n in said.split(",")] if said else []
        plain = [n.removeprefix("-") for n in names]
        if len(set(plain)) < len(plain):
            self._fault("twice", "names a column twice", where)
        return list(dict.fromkeys(names))

    def _count(self, name: str, said: str | None, least: int, most: int) -> int | None:
        if said is None:
            return None
        if not re.fullmatch(r"[0-9]{1,18}", said) or not least <= int(said) <= most:
            self._fault("range", f"must be an integer from {least:,} to {most:,}, not {short(said)!r}", name)
            return None
        return int(said)

    def _unknown(self, name: str, where: str | None = None) -> None:
        known = ", ".join(list(self.columns)[:50])
        self._fault("unknown", f"{short(name)!r} is no column of this table; it has {known}", where or name)

    def _fault(self, code: str, message: str, name: str) -> None:
        self.faults.append(Fault(code=code, message=message, field=name))


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?\d{1,20}", text) and text.isascii() else None


def _number(text: str) -> float | None:
    found = float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) and text.isascii() else None
    return found if found is not None and math.isfinite(found) else None


def _time(text: str) -> datetime | None:
    # A plus sign in an address is a space, unless it was written %2B.
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    return datetime.fromisoformat(text) if re.match(r"\d{4}-\d\d-\d\d", text) else None


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None


PARSERS: Mapping[str, Callable[[str], Any]] = {
    "text": str,
    "integer": _integer,
    "number": _number,
    "boolean": {"true": True, "false": False}.get,
    "time": _time,
    "date": _date,
}


def _zoned(*, zoned: bool) -> str:
    return "2026-01-31T08:00:00" + ("Z" if zoned else "")

"""Fault: what is wrong with a request, and where in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from attrs import frozen

LONG = 80  # characters of a client's own words that an answer repeats
SHOWN = 1000  # faults that one answer lists; it says how many there are


def short(text: str, most: int = LONG) -> str:
    """Cut a text that may be of any length."""
    return text if len(text) <= most else text[: most - 3] + "..."


@frozen(kw_only=True)
class Fault:
    """One thing wrong with one value, row or request."""

    code: str  # missing, unexpected, type, null, not_finite, range, category, ... : never changes its meaning
    message: str
    row: int | None = None  # from 0
    field: str | None = attrs.field(default=None, converter=attrs.converters.optional(short))

    def json(self) -> dict[str, Any]:
        """Write it as the service answers it; `loc` is the path in the request's JSON."""
        loc: list[Any] = [] if self.row is None else ["rows", self.row]
        loc += [] if self.field is None else [self.field]
        return {"loc": loc, "msg": self.message, "type": self.code, "row": self.row, "field": self.field}


class Refused(Exception):
    """A request that gets no prediction, and why."""

    def __init__(
        self, status: int, summary: str, faults: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(summary)
        self.status = status
        self.summary = summary
        self.faults = faults
        self.headers = dict(headers or {})

    def json(self) -> dict[str, Any]:
        """Write it as the service answers it."""
        shown = [fault.json() for fault in self.faults[:SHOWN]]
        return {"error": self.summary, "faults": len(self.faults), "detail": shown}

"""Forecast: a model that is asked how a series goes on, for so many steps, or given what is known of each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field
from pydantic_core import to_json

from .. import models
from ..answers import unanswered
from ..content_types import JSON
from ..faults import Fault, Refused
from ..frame import framed
from ..models.ahead import Ahead, Matrix, ahead
from ..table import Rows, Table, read, refused
from .base import Released

MOST = 1_000  # steps of a request


@define(eq=False)
class Served:
    """Checks a request, asks the model, and writes a step a row."""

    schema: Mapping[str, Any]
    table: Table | None = field(init=False, default=None)
    model: Any = field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.schema["fields"]:
            self.table = Table.of(self.schema)

    def load(self, released: Released) -> None:
        """Load the model."""
        self.model = models.load(released(self.schema["model"]), self.schema)
        ahead(self.model, *self._known(self.parse(to_json(self.schema["request"]), JSON)))

    def quick(self, size: int) -> bool:
        """A forecast takes its time: its steps follow from each other."""
        return False

    def parse(self, body: bytes, form: bytes) -> Rows | int:
        """Read `{"horizon": 12}`, or `{"rows": [...]}` where something is to be known of each step.

        Raises:
            Refused: The request is at fault.
        """
        if form != JSON:
            raise Refused(415, "A forecast is asked for as JSON: content-type must be application/json.")
        if self.table is not None:
            return self.table.parse(body)
        asked = read(body)
        if type(asked) is not dict:
            raise Refused(400, 'The request must be an object: {"horizon": 12}.')
        faults = [Fault(code="unexpected", message="is unknown here", field=key) for key in asked.keys() - {"horizon"}]
        if found := _fault(asked):
            faults.append(found)
        if faults:
            raise refused(faults)
        return int(asked["horizon"])

    def ask(self, asked: Rows | int) -> Ahead:
        """Ask the model.

        Raises:
            Refused: It has no finite answer.
        """
        steps, known = self._known(asked)
        if steps > MOST:
            raise refused([Fault(code="length", message=f"must hold 1 to {MOST:,} rows, not {steps:,}", field="rows")])
        said = ahead(self.model, steps, known)
        wrong = ~np.isfinite(said.values)
        for bound in (said.low, said.high):
            wrong |= False if bound is None else ~np.isfinite(bound)
        if wrong.any():
            raise unanswered(np.flatnonzero(wrong).tolist(), "the model's answer is not a finite number")
        return said

    def write(self, asked: Rows | int, answer: Ahead, form: bytes) -> bytes:
        """Write the steps, each with what was odd about its row."""
        made = answer.rows()
        for number, faults in (asked.warnings if isinstance(asked, Rows) else {}).items():
            made[number]["warnings"] = [{"field": f.field, "type": f.code, "msg": f.message} for f in faults]
        return to_json(made)

    def columns(self, asked: Rows | int, answer: Ahead) -> Sequence[Matrix]:
        """Return what is known of each step, how far ahead it is, and what is said of it."""
        known = asked.arrays if isinstance(asked, Rows) else []
        return [*known, np.arange(1, len(answer.values) + 1), answer.values]

    def _known(self, asked: Rows | int) -> tuple[int, Any]:
        return (asked, None) if isinstance(asked, int) else (asked.count, framed(asked, self.schema))


def _fault(asked: Mapping[str, Any]) -> Fault | None:
    """Say what is wrong with a horizon."""
    if "horizon" not in asked:
        return Fault(code="missing", message="is missing", field="horizon")
    steps = asked["horizon"]
    if type(steps) is not int:
        return Fault(code="type", message="must be an integer", field="horizon")
    if not 1 <= steps <= MOST:
        return Fault(code="range", message=f"must be from 1 to {MOST:,}", field="horizon")
    return None

"""Rows: a model that is asked rows of a table, and says of each a class, a number or a score."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import define, field
from pydantic_core import to_json

from .. import bulk, fast, models
from ..answers import Answer, columns, finite, told, unanswered
from ..content_types import JSON
from ..explain import Explainer, explainer
from ..faults import Refused
from ..frame import framed
from ..heads import Matrix, Unknown
from ..table import Rows, Table
from .base import Released

FEW = 100  # rows that are answered at once; more would keep others waiting
SOUGHT = 100  # rows that are asked one by one, to find those that a model cannot answer

log = logging.getLogger("bentoml.service")


@define(eq=False)
class Served:
    """Checks rows, asks the model, and writes its answers."""

    schema: Mapping[str, Any]
    table: Table = field(init=False)
    model: Any = field(init=False, default=None, repr=False)
    fast: Callable[[Rows], Answer] | None = field(init=False, default=None)
    explainer: Explainer | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.table = Table.of(self.schema)

    def load(self, released: Released) -> None:
        """Load the model."""
        model = models.load(released(self.schema.get("model", "model.pkl")), self.schema)
        self.model = models.asked(model, self.schema)
        if self.schema.get("fast"):
            try:
                self.fast = fast.compile_model(self.model, self.schema, sheets=self.schema["fast"] == "sheets")
            except Unknown as unknown:
                log.warning("The fast path of the rehearsal cannot be made here: %s", unknown)
        self.ask(self.example())  # what is imported on first use is imported now

    def example(self) -> Rows:
        """Return a row of the usual values."""
        return self.table.check([{f["key"]: f["example"] for f in self.schema["fields"]}], most=1)

    def quick(self, size: int) -> bool:
        """Say whether there is a fast path, and few rows."""
        return self.fast is not None and size < FEW * 512

    def parse(self, body: bytes, form: bytes) -> Rows:
        """Read `{"rows": [...]}`, or a table in Arrow or Parquet.

        Raises:
            Refused: The request is at fault.
        """
        return self.table.parse(body) if form == JSON else bulk.read(body, form, self.table)

    def write(self, asked: Rows, answer: Answer, form: bytes) -> bytes:
        """Write an answer a row, in the request's format."""
        if form == JSON:
            return to_json(told(self.schema, asked, answer))
        return bulk.written(self.schema, asked, answer, form)

    def columns(self, asked: Rows, answer: Answer) -> Sequence[Matrix]:
        """Return the values of a request and its answer, as the profile has them; asked for beside the requests."""
        return columns(asked, answer)

    def ask(self, asked: Rows) -> Answer:
        """Ask the model.

        Raises:
            Refused: It has no answer to some of the rows.
        """
        try:
            answer = self._answer(asked)
        except Exception as wrong:  # the model is the user's: it may raise anything
            raise self._unanswered(asked, wrong) from wrong
        return finite(answer, asked)

    def explain(self, asked: Rows) -> list[dict[str, Any]]:
        """Say which fields moved the answer to each row, and by how much.

        Raises:
            Refused: There are too many rows, or no answer to some of them.
        """
        if asked.count > FEW:
            raise Refused(400, f"At most {FEW} rows are explained at a time, not {asked.count:,}.")
        self.ask(asked)
        self.explainer = self.explainer or explainer(self.model, self.schema)
        try:
            told = self.explainer.explain(asked)
        except Exception as wrong:  # a transformer may be the user's: it may raise anything
            raise unanswered(range(asked.count), f"its answer cannot be explained ({type(wrong).__name__})") from wrong
        if bad := [n for n, one in enumerate(told) if not np.isfinite(one["sum"])]:
            raise unanswered(bad, "the parts of its answer are not finite")
        return told

    def _answer(self, rows: Rows) -> Answer:
        if self.fast is not None:
            try:
                return self.fast(rows)
            except Exception:
                log.debug("the fast path failed", exc_info=True)
        return self.slow(rows)

    def slow(self, rows: Rows) -> Answer:
        """Ask the model as the notebook does, with a DataFrame."""
        frame = framed(rows, self.schema)
        said = np.asarray(self.model.predict(frame))
        chances = self.model.predict_proba(frame) if self.schema["probabilities"] else None
        return said, None if chances is None else np.asarray(chances)

    def _unanswered(self, rows: Rows, wrong: Exception) -> Refused | Exception:
        """Tell rows that a model cannot answer, which is the client's to mend, from a model that answers nothing."""
        try:
            self.slow(self.example())
        except Exception:  # noqa: BLE001  the same kind of surprise
            return wrong
        bad = [n for n in range(min(rows.count, SOUGHT)) if not self._answers(rows.only([n]))]
        return unanswered(bad or range(rows.count), f"the model cannot answer it ({type(wrong).__name__})")

    def _answers(self, rows: Rows) -> bool:
        try:
            self.slow(rows)
        except Exception:  # noqa: BLE001  likewise
            return False
        return True

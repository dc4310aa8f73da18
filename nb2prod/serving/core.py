"""Core: a released model that answers rows, loaded from the service's folder."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field
from pydantic_core import to_json

from . import bulk, fast
from .answers import Answer, finite, told, unanswered
from .faults import Refused
from .frame import framed
from .heads import Unknown
from .table import MOST, Rows, Table

FEW = 100  # rows that are answered at once; more would keep others waiting
SOUGHT = 100  # rows that are asked one by one, to find those that a model cannot answer

log = logging.getLogger("bentoml.service")


@define(eq=False)
class Core:
    """Checks rows, asks the model, and writes its answers."""

    folder: Path
    digest: str  # of model.pkl, SHA-256
    schema: Mapping[str, Any] = field(init=False)
    table: Table = field(init=False)
    model: Any = field(init=False, default=None, repr=False)
    fast: Callable[[Rows], Answer] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.schema = json.loads((self.folder / "schema.json").read_text(encoding="utf-8"))
        self.table = Table.of(self.schema)

    def load(self) -> None:
        """Load the model, if it is the very one that was rehearsed: a pickle can run any code."""
        data = (self.folder / "model.pkl").read_bytes()
        if hashlib.sha256(data).hexdigest() != self.digest:
            raise RuntimeError("model.pkl is not the file that was released")
        self.model = pickle.loads(data)  # noqa: S301  it is the released one
        if self.schema.get("fast"):
            try:
                self.fast = fast.compile_model(self.model, self.schema, sheets=self.schema["fast"] == "sheets")
            except Unknown as unknown:
                log.warning("The fast path of the rehearsal cannot be made here: %s", unknown)
        # Below BentoML's level nothing of it is written, and every request still pays for its text.
        logging.getLogger("uvicorn.access").propagate = False
        self.ask(self.table.check([self.example()], most=1))  # what is imported on first use is imported now

    def example(self) -> dict[str, Any]:
        """Return a row of the usual values."""
        return {f["key"]: f["example"] for f in self.schema["fields"]}

    def quick(self, size: int) -> bool:
        """Say whether a request of so many bytes is answered in no time."""
        return self.fast is not None and size < FEW * 512

    def reply(self, body: bytes) -> bytes:
        """Answer a request: JSON in, JSON out.

        Raises:
            Refused: The request is at fault.
        """
        rows = self.table.parse(body)
        return to_json(told(self.schema, rows, self.ask(rows)))

    def reply_in_bulk(self, body: bytes, kind: bytes) -> bytes:
        """Answer a request in Arrow or Parquet, in the same format.

        Raises:
            Refused: The request is at fault.
        """
        rows = bulk.read(body, kind, self.table)
        return bulk.written(self.schema, rows, self.ask(rows), kind)

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer rows of Python values."""
        checked = self.table.check([dict(row) for row in rows], most=MOST)
        return told(self.schema, checked, self.ask(checked))

    def ask(self, rows: Rows) -> Answer:
        """Ask the model.

        Raises:
            Refused: It has no answer to some of the rows.
        """
        try:
            answer = self._answer(rows)
        except Exception as wrong:  # the model is the user's: it may raise anything
            raise self._unanswered(rows, wrong) from wrong
        return finite(answer, rows)

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
            self.slow(self.table.check([self.example()], most=1))
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

"""Core: what a service answers with, loaded from its folder and asked as its kind is."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, define, field
from pydantic_core import from_json, to_json

from . import memory
from .content_types import JSON
from .faults import Refused
from .kinds import kind_of
from .kinds.base import Kind, Reply
from .recorder import Recorder, Ticket

NO_REASONS = "what answers gives no reasons"


@define(eq=False)
class Core:
    """Loads what was released, and answers requests with it."""

    folder: Path
    digest: str  # of the model's file, SHA-256
    files: Mapping[str, str] = Factory(dict)  # others that could run code: name → SHA-256
    environ: Mapping[str, str] = field(default=os.environ, repr=False)
    schema: Mapping[str, Any] = field(init=False)
    kind: Kind = field(init=False)
    recorder: Recorder = field(init=False)

    def __attrs_post_init__(self) -> None:
        # What was released before there were kinds says rows of a table.
        self.schema = {"kind": "classification"} | json.loads((self.folder / "schema.json").read_text(encoding="utf-8"))
        self.kind = kind_of(self.schema)
        self.recorder = Recorder.of(self.folder, self.schema, self.digest[:16], self.environ)

    def load(self) -> None:
        """Load what answers, and make ready."""
        memory.keep()
        self.kind.load(self.released)
        self.recorder.columns = getattr(self.kind, "columns", None)
        # Below BentoML's level nothing of it is written, and every request still pays for its text.
        logging.getLogger("uvicorn.access").propagate = False

    def released(self, name: str) -> bytes:
        """Return a file of the service, if it is the very one that was rehearsed: a pickle can run any code."""
        data = (self.folder / name).read_bytes()
        known = {self.schema.get("model", "model.pkl"): self.digest, **self.files}
        if hashlib.sha256(data).hexdigest() != known.get(name):
            raise RuntimeError(f"{name} is not the file that was released")
        return data

    def quick(self, size: int) -> bool:
        """Say whether a request of so many bytes is answered in no time."""
        return self.kind.quick(size)

    def reply(self, body: bytes, form: bytes = JSON, ticket: Ticket | None = None) -> bytes:
        """Answer a request in its own format.

        Raises:
            Refused: The request is at fault.
        """
        asked = self.kind.parse(body, form)
        answer = self.kind.ask(asked)
        if ticket is not None:
            self.recorder.record(ticket, asked, answer)
        return self.kind.write(asked, answer, form)

    def explain(self, body: bytes, form: bytes = JSON) -> bytes:
        """Say what moved the answers to a request.

        Raises:
            Refused: The request is at fault, or what answers gives no reasons.
        """
        reasons = getattr(self.kind, "explain", None)
        if reasons is None or not self.schema.get("explain"):
            said = self.schema.get("unexplained") or NO_REASONS
            raise Refused(404, f"Nothing is explained here: {said}.")
        if form != JSON:
            raise Refused(415, "An explanation is asked for as JSON: content-type must be application/json.")
        return to_json(reasons(self.kind.parse(body, form)))

    def owns(self, path: str) -> bool:
        """Say whether a path is one that the service's kind gives something for."""
        return path.partition("/")[2].partition("/")[0] in getattr(self.kind, "roots", ())

    def get(self, path: str, query: str, accept: str) -> Reply:
        """Give what a path of the kind's own stands for.

        Raises:
            Refused: There is nothing there, or the query is at fault.
        """
        kind: Any = self.kind  # it has it, as it owns the path
        given: Reply = kind.get(path, query, accept)
        return given

    def tables(self) -> Any:
        """List the tables of a product."""
        return from_json(self.get("/tables", "", "").body)

    def predict(self, **asked: Any) -> Any:
        """Answer a request of Python values."""
        return from_json(self.reply(to_json(asked)))

"""Scorer: a released model in a worker process, asked a partition of a table at a time.

It asks by the release's own `serving_runtime`, so that it says what the service says.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

Kind = Literal["text", "typed"]


@frozen(kw_only=True)
class Scored:
    """What became of a partition: its answers as Arrow, or what is wrong with its rows."""

    answers: bytes = b""
    warnings: int = 0  # rows about which something is odd
    faults: tuple[Mapping[str, Any], ...] = ()  # with `row` counted from the partition's first
    count: int = 0  # of all faults, of which some are listed


@lru_cache(maxsize=1)
def _core(folder: str, digest: str) -> Any:
    """Load a release once a process."""
    sys.dont_write_bytecode = True  # nothing is added to what was signed
    sys.path.insert(0, folder)  # the notebook's own code and the runtime lie there, as in the service
    from serving_runtime.core import Core

    core = Core(Path(folder), digest=digest)
    core.load()
    return core


def score(folder: str, digest: str, data: bytes, kind: Kind) -> Scored:
    """Ask a release about a partition.

    Args:
        folder: Of the release's service.
        digest: SHA-256 of its model.
        data: An Arrow stream of the columns that the model reads.
        kind: What file it comes from: in one of text, a number is what can be read as one.
    """
    import pyarrow as pa

    core = _core(folder, digest)
    from serving_runtime.answers import told
    from serving_runtime.faults import Refused

    table = pa.ipc.open_stream(data).read_all()
    try:
        of = getattr(core, "kind", core)  # a release from before there were kinds has no other
        rows = of.table.take([_values(table.column(field["key"]), field, kind) for field in core.schema["fields"]])
        answers = told(core.schema, rows, of.ask(rows))
    except Refused as refused:
        return Scored(faults=tuple(fault.json() for fault in refused.faults[:20]), count=len(refused.faults))
    made = {"prediction": [answer["prediction"] for answer in answers]}
    for name in core.schema["classes"] if core.schema["probabilities"] else ():
        made[f"probability_{name}"] = [answer["probabilities"][str(name)] for answer in answers]
    sink = pa.BufferOutputStream()
    found = pa.table(made)
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return Scored(answers=sink.getvalue().to_pybytes(), warnings=len(rows.warnings))


def _values(column: Any, field: Mapping[str, Any], kind: Kind) -> list[Any]:
    """Return a column's values as a client would send them in JSON."""
    values: list[Any] = column.to_pylist()
    if field["kind"] == "time":
        return [value.isoformat() if isinstance(value, date | datetime) else value for value in values]
    if field["kind"] not in {"integer", "number"}:
        return values
    if kind == "text":
        values = [_read(value) if isinstance(value, str) else value for value in values]
    return [_number(value, whole=field["kind"] == "integer") for value in values]


def _read(text: str) -> Any:
    """Read a number, where the column holds others that are none."""
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _number(value: Any, *, whole: bool) -> Any:
    """Files have gaps in numbers as NaN, and whole numbers with gaps as floats."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and value != value:
        return None
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value

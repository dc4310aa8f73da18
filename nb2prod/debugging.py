"""Debugging: a request to a release as a notebook that loads what was released and asks it, step by step."""

from __future__ import annotations

import json
import pprint
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from nb2prod import journal, notebook, pipeline
from nb2prod.errors.base import Nb2ProdError
from nb2prod.errors.monitors import RequestForeign, RequestNotKept
from nb2prod.monitor import state_of
from nb2prod.notebook import Cell
from nb2prod.releases import release
from nb2prod.releases.release import Release

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{1,16}")
JSON = "application/json"
LATEST = 5  # requests that an error names

LOAD = """import sys
import traceback

import pandas as pd

sys.path.insert(0, service)
from service import core  # the released model, by the code that serves it
from serving_runtime.faults import Refused

core.load()  # nothing but the files that were released is loaded
model = getattr(core.kind, "model", None)
model"""
CHECK = """# What the service does first: it reads the request and checks it.
try:
    asked = core.kind.parse(body, form)
except Refused as refused:
    asked = None
    print(refused.status, refused)
    display(pd.DataFrame([fault.json() for fault in refused.faults]))
else:
    print("The request passes.")"""
FRAME = """# The rows as the model gets them, and as the notebook had them.
if asked is not None:
    from serving_runtime.frame import framed

    frame = framed(asked, core.schema)
    display(frame)"""
UNUSUAL = """# The first row beside what the model was trained on.
if asked is not None and asked.count:
    seen = pd.DataFrame(core.schema["fields"]).set_index("key")[["kind", "low", "high", "example"]]
    seen.insert(0, "asked", [column[0] for column in asked.values])
    number = pd.to_numeric(seen["asked"], errors="coerce")
    seen["outside"] = (number < seen["low"].astype(float)) | (number > seen["high"].astype(float))
    display(seen.sort_values("outside", ascending=False))"""
ASK = """# The answer, as the service makes it. `%debug` in a cell below steps into where it fails.
if asked is not None:
    try:
        display(core.kind.ask(asked))
    except Exception:
        traceback.print_exc()"""
ALONE = """# What answers, without the service.
if asked is not None:
    try:
        display({call})
    except Exception:
        traceback.print_exc()"""
CALLS = {
    "forecast": "model.get_forecast(asked.count, exog=frame).summary_frame() "
    'if hasattr(model, "get_forecast") else model.forecast(asked.count, exog=frame)',
    "function": "core.kind.call(frame)",
}  # by the kind of a release; the others predict
CHANGE = "# Change what was asked here, and run the cells below again."
BULK = """# The rows as they came. Change them, and run the cells below again: `body` is packed of them anew.
import io

import pyarrow as pa
from pyarrow import parquet

try:
    rows = {read}
except Exception:
    rows = None  # they cannot be read: the next cell says why
if rows is not None:
    out = io.BytesIO()
    {write}
    body = out.getvalue()
rows"""
PACKED = {
    "application/vnd.apache.arrow.stream": (
        "pa.ipc.open_stream(body).read_pandas()",
        "table = pa.Table.from_pandas(rows, preserve_index=False)\n"
        "    with pa.ipc.new_stream(out, table.schema) as writer:\n        writer.write_table(table)",
    ),
    "application/vnd.apache.parquet": (
        "parquet.read_table(io.BytesIO(body)).to_pandas()",
        "rows.to_parquet(out, index=False)",
    ),
}  # content type → how its rows are read, and written


@frozen(kw_only=True)
class Given:
    """A request, and what is known of how it went."""

    id: str
    form: str
    body: bytes
    said: str = ""


def debug(home: Path, name: str, request: str, output: Path) -> dict[str, Any]:
    """Write a request of a release as a notebook, and say which stage it begins at.

    Args:
        home: The folder of records.
        name: The release.
        request: The id of one that was kept, or the path of a file with one.
        output: The notebook to write.

    Raises:
        RunUnknown: There is no such release.
        RequestNotKept, RequestForeign: There is no such request.
    """
    made = release.read(home, name)
    if made.kind == "product":
        raise RequestForeign(request, f"{name} gives out tables and figures, and computes nothing of a request")
    given = _given(home, name, request)
    stage, cells = _made_by(home, made)
    service = (release.folder_of(home, name) / "service").resolve()
    schema = json.loads((service / "schema.json").read_text(encoding="utf-8"))
    call = CALLS.get(schema["kind"], "model.predict(frame)") if "container" in schema else None
    book = _book(made, given, stage, cells, str(service), call=call)
    journal.write_whole(output, json.dumps(book, indent=1, ensure_ascii=False) + "\n")
    return {"ok": True, "release": name, "request": given.id, "stage": stage, "notebook": str(output)}


def _given(home: Path, name: str, request: str) -> Given:
    from nb2prod.serving import failures

    folder = state_of(home, name) / "requests"
    path = folder / f"{request}.json" if ID.fullmatch(request) else Path(request)
    if not path.is_file():
        every = sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
        raise RequestNotKept(request, name, tuple(p.stem for p in every[:LATEST]))
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.keys() >= {"id", "form", "body"}:
            one = failures.read(path)
            return Given(id=one.id, form=one.form, body=one.data, said=f"{one.time}: {one.status}, {one.error}")
    except (ValueError, TypeError) as wrong:
        raise RequestForeign(str(path), str(wrong)) from None
    if isinstance(found, list):
        found = {"rows": found}
    if not isinstance(found, dict):
        raise RequestForeign(str(path), "it is neither an object nor an array of rows")
    return Given(id=path.stem, form=JSON, body=json.dumps(found, ensure_ascii=False).encode())


def _made_by(home: Path, made: Release) -> tuple[str | None, tuple[Cell, ...]]:
    """Return the last stage that made or changed the model, and its cells; none where the run is gone."""
    executed, model = journal.folder_of(home, made.run) / "executed.ipynb", made.model.get("name")
    if not executed.is_file():
        return None, ()
    try:
        line = pipeline.build(notebook.parse(json.loads(executed.read_text(encoding="utf-8")), made.notebook))
    except Nb2ProdError:
        return None, ()
    every = zip(line.stages, line.flows, strict=True)
    found = [stage for stage, flow in every if model in flow.leaves] or list(line.stages)
    return found[-1].name, tuple(found[-1].code_cells)


def _book(  # noqa: PLR0913 - what it is made of
    made: Release, given: Given, stage: str | None, cells: tuple[Cell, ...], service: str, *, call: str | None
) -> dict[str, Any]:
    parts = [("markdown", _head(made, given, stage)), ("code", f'service = r"{service}"'), ("code", LOAD)]
    parts += [("code", _request(given)), *_rows(given), ("code", CHECK)]
    parts += [("code", FRAME), ("code", UNUSUAL), ("code", ALONE.format(call=call))] if call else []
    parts += [("code", ASK)]
    parts += [("markdown", "\n".join(_source(made, stage, cells)))] if cells else []
    made_of = [_cell(n, kind, text) for n, (kind, text) in enumerate(parts)]
    made_of[1]["metadata"] = {"tags": ["parameters"]}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made_of}


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "id": f"step-{number}", "metadata": {}, "source": text}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def _head(made: Release, given: Given, stage: str | None) -> str:
    where = f" It was made in stage `{stage}` of {made.notebook}, whose cells stand at the end." if stage else ""
    went = f"\n\nIt went so: {given.said}." if given.said else ""
    return (
        f"# Request {given.id}\n\nAsked of release `{made.id}`.{went}\n\nThe cells load the model that was released, "
        f"and go the way of the request: it is read, checked, made a table, and answered.{where}"
    )


def _request(given: Given) -> str:
    if given.form == JSON:
        try:
            said = json.loads(given.body)
        except ValueError:
            return f'form = b"{JSON}"\nbody = {given.body!r}'
        text = pprint.pformat(said, width=110, sort_dicts=False)
        return f'import json\n\nform = b"{JSON}"\n{CHANGE}\nrequest = {text}\nbody = json.dumps(request).encode()'
    return f"form = {given.form.encode()!r}\nbody = {given.body!r}"


def _rows(given: Given) -> Iterator[tuple[str, str]]:
    """Yield a cell in which rows in bulk can be changed."""
    if given.form in PACKED:
        read, write = PACKED[given.form]
        yield "code", BULK.format(read=read, write=write)


def _source(made: Release, stage: str | None, cells: tuple[Cell, ...]) -> Iterator[str]:
    yield f"## Stage `{stage}` of {made.notebook}, as it ran\n"
    for cell in cells:
        yield f"Cell {cell.index + 1}:\n\n```python\n{cell.source}\n```\n"

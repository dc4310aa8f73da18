from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from books import parsed, written

from nb2prod import api, fingerprint
from nb2prod.artifact import Artifact, Recipe
from nb2prod.evidence import seen
from nb2prod.pipeline import build
from nb2prod.plan import Record
from nb2prod.text import verbs

CELLS = (
    "%%stage load\nrows, note = [3, 1], 'x'\nalias = rows\ndef clean(rows): rows.sort()",
    "%%stage clean\nclean(rows)\nnote.index('x')",
    "%%stage show\nprint(rows, note)",
)


def record(stage: str, source: str, *artifacts: Artifact, **rest: Any) -> Record:
    cell = parsed(source).cells[0]
    return Record(stage=stage, parts={"its code": fingerprint.of_code([cell])}, artifacts=artifacts, **rest)


def test_what_the_last_run_saw_is_told_for_the_code_that_ran() -> None:
    line = build(parsed(*CELLS))
    rows = Artifact(names=("alias", "rows"), digest="d", bytes=1024, kinds=("list", "list"))
    made = Recipe(name="clean", code="def clean(): …", late=True)
    last = {"load": record("load", CELLS[0], rows, recipes=(made,))}
    found = seen(line, last, {"load": "run-7"})

    assert str(found["load", "rows"]) == "list of 1,024 bytes, shared with `alias`, seen in run run-7"
    assert str(found["load", "clean"]) == "made again from its source, seen in run run-7"
    assert ("clean", "rows") not in found
    assert seen(line, {"load": evolve(last["load"], parts={"its code": "other"})}, {}) == {}


def test_a_change_that_was_not_seen_is_told_too() -> None:
    line = build(parsed(*CELLS))
    found = seen(line, {"clean": record("clean", CELLS[1], asked=("rows",))}, {})

    assert str(found["clean", "rows"]) == "left unchanged, seen when it last ran"


@pytest.mark.kernel
def test_a_run_leaves_evidence_that_the_graph_shows(tmp_path: Path) -> None:
    path = written(tmp_path, *CELLS)
    report = api.run(path)
    graph = api.graph(api.read(path), path)
    reasons = {(edge["from"], edge["to"], r["name"]): r for edge in graph["edges"] for r in edge["reasons"]}
    changed = reasons["clean", "show", "rows"]

    assert report.error is None
    assert (changed["left"]["by"], changed["left"]["cell"], changed["read"]["cell_id"]) == ("clean(rows)", 1, "c2")
    assert (changed["seen"]["run"], changed["seen"]["changed"], changed["seen"]["kind"]) == (report.run, True, "list")
    assert f"seen in run {report.run}" in verbs.graph(graph, why=True)
    assert "seen in run" not in verbs.graph(graph)

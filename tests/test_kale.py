"""Notebooks tagged in Kale's language, as Kale's own examples are, run as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import document, parsed, texts, written

from nb2prod import api, notebook, schema
from nb2prod.checks import check
from nb2prod.document import parametrised
from nb2prod.pipeline import build

Cells = tuple[tuple[str, dict[str, Any]], ...]


def tagged(source: str, *tags: str) -> tuple[str, dict[str, Any]]:
    return source, {"tags": list(tags)}


SHARING: Cells = (
    tagged("!pip install --user something", "skip"),
    tagged("import random", "imports"),
    tagged("random.seed(0)"),
    tagged("APPLES = 20\nEACH: float = 0.5", "pipeline-parameters"),
    tagged("def take(left):\n    return int(left * EACH)", "functions"),
    tagged("print('a basket of', APPLES)", "block:basket"),
    tagged("ann = take(APPLES)", "step:ann", "prev:basket", "limit:cpu:2", "cache:disabled"),
    tagged("ann", "skip"),
    tagged("ann = ann - 1"),
    tagged("with open('note.txt', 'w') as file:\n    _ = file.write('ann was here')", "step:note", "prev:basket"),
    tagged("bob = take(APPLES - ann)\nprint(open('note.txt').read())", "step:bob", "prev:ann", "prev:note"),
    tagged("print(ann)\nprint(bob)", "pipeline-metrics"),
)


def test_the_steps_are_stages_and_skipped_cells_are_left_out() -> None:
    line = build(parsed(*SHARING))
    found = {stage.name: [cell.index for cell in stage.cells] for stage in line.stages}

    assert found == {
        "setup": [1, 2, 3, 4],
        "basket": [5],
        "ann": [6, 8],
        "note": [9],
        "bob": [10],
        "metrics": [11],
    }
    assert [item.name for item in line.parameters] == ["APPLES", "EACH"]
    assert [f.message for f in check(line) if f.severity == "error"] == []


def test_prev_is_an_edge_even_where_no_name_crosses() -> None:
    line = build(parsed(*SHARING))
    found = {(edge.source, edge.target): (edge.names, edge.declared) for edge in line.edges}
    graph = schema.graph(line, ())

    assert found["note", "bob"] == ((), True)
    assert found["ann", "bob"] == (("ann",), True)
    assert {"from": "basket", "to": "ann", "names": [], "why": "a tag says that it comes after"}.items() <= next(
        edge for edge in graph["edges"] if (edge["from"], edge["to"]) == ("basket", "ann")
    ).items()


def test_a_step_after_one_that_is_not_there_is_a_finding() -> None:
    line = build(parsed(tagged("x = 1", "step:one"), tagged("y = x", "step:two", "prev:none")))

    assert [finding.code for finding in check(line)] == ["NB106"]


def test_a_step_that_says_so_is_not_cached() -> None:
    line = build(parsed(*SHARING))

    assert [stage.name for stage in line.stages if not stage.options.get("cache", True)] == ["ann"]


@pytest.mark.parametrize(
    "metadata",
    [{"tags": ["pipeline-parameters"]}, {"nb2prod": {"stage": "parameters"}}, {"tags": ["parameters"]}],
)
def test_given_parameters_stand_below_the_defaults_however_these_are_tagged(metadata: dict[str, Any]) -> None:
    raw = document("import math", ("rows = 1", metadata), ("print(rows)", {"tags": ["step:show"]}))
    made = parametrised(raw, "test.ipynb", {"rows": 7})
    sources = [cell["source"].splitlines()[-1] for cell in made["cells"]]

    assert sources == ["import math", "rows = 1", "rows = 7", "print(rows)"]
    assert [item.name for item in build(notebook.parse(made, "test.ipynb")).parameters] == ["rows"]


@pytest.mark.kernel
def test_it_runs_without_kubernetes_and_equals_straight(tmp_path: Path) -> None:
    path = written(tmp_path, *SHARING)
    report = api.run(path)
    verdict = api.verify(path, api.Options(parameters={"APPLES": 100}))["verify"]

    assert report.error is None
    assert report.output is not None
    assert texts(report.output)[-2:] == ["ann was here\n", "9\n5\n"]
    assert report.metrics == {"ann": 9.0, "bob": 5.0}
    assert (verdict["equal"], verdict["differences"]) == (True, [])

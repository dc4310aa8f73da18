"""A notebook that cannot be run is refused whole, and each run has a page that says what became of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from books import copied, document, texts

from nb2prod import api, journal, settings
from nb2prod.api import Options
from nb2prod.errors.base import ChecksFailed, NotebookUnreadable, RunUnknown, StageUnknown
from nb2prod.errors.runs import ParameterUnknown


def kept(home: Path) -> set[Path]:
    """Return what a run must leave as it was when it fails before it runs anything."""
    return {path for part in ("store", "releases") for path in (home / part).rglob("*")}


def in_cell(**fields: Any) -> str:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "x = 1", "outputs": [], "execution_count": None}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{**cell, **fields}]})


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"nbformat": 4}', '{"nbformat": 4, "cells": [{}]}', "not json",
        '{"nbformat": 3}', '{"nbformat": 3, "worksheets": [5], "metadata": {}}',
        '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [{"cell_type": "code"}]}]}',
        in_cell(metadata={"tags": [5]}), in_cell(metadata={"tags": "a"}), in_cell(metadata={"tags": None}),
        in_cell(id=5), in_cell(source=5), in_cell(source=[5]),
    ],
)  # fmt: skip
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(NotebookUnreadable, match="NB100"):
        api.read(path)


@pytest.mark.parametrize(("text", "reason"), [("", "it is empty"), ("hello", "it is no JSON")])
def test_what_is_wrong_with_a_file_is_said_in_words(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(NotebookUnreadable, match=reason):
        api.read(path)


@pytest.mark.parametrize(("name", "code", "cell"), [("syntax_error", "NB102", 2), ("missing_name", "NB103", 2)])
def test_a_notebook_with_errors_runs_nothing(tmp_path: Path, name: str, code: str, cell: int) -> None:
    path = copied(name, tmp_path)
    report = api.run(path)

    assert isinstance(report.error, ChecksFailed)
    assert (code, cell, True) == (report.error.code, report.error.place.cell, bool(report.error.cure))
    assert set() == kept(settings.home_of(path))


def test_a_refused_run_has_a_journal_with_an_end(tmp_path: Path) -> None:
    path = copied("missing_name", tmp_path)
    report = api.run(path)
    events = journal.read(settings.home_of(path), report.run)

    assert [event["event"] for event in events] == ["start", "finding", "error", "end"]
    assert [event["seq"] for event in events] == [1, 2, 3, 4]


def test_parameters_must_be_declared(tmp_path: Path) -> None:
    report = api.run(copied("tiny", tmp_path), Options(parameters={"nothing": 1}))

    assert isinstance(report.error, ParameterUnknown)


def test_a_stage_must_be_there_to_be_forced(tmp_path: Path) -> None:
    with pytest.raises(StageUnknown, match="nowhere"):
        api.plan(copied("tiny", tmp_path), Options(force=frozenset({"nowhere"})))


def test_an_old_notebook_is_brought_up_to_date(tmp_path: Path) -> None:
    cell = {
        "cell_type": "code",
        "input": "x = 1",
        "language": "python",
        "outputs": [],
        "metadata": {},
        "collapsed": False,
    }
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [cell], "metadata": {}}],
    }
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(old), encoding="utf-8")

    assert [cell.source for cell in api.read(path).cells] == ["x = 1"]


@pytest.mark.kernel
def test_what_is_half_a_character_is_run_and_drawn_all_the_same(tmp_path: Path) -> None:
    raw = document("print(1)")
    raw["cells"].insert(0, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "\ud800"})
    raw["metadata"]["kernelspec"] = {"name": "python3"}
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(raw), encoding="utf-8")
    report = api.run(path)

    assert report.ok
    assert report.output is not None
    assert texts(report.output) == ["1\n"]
    assert "<html" in api.report_page(tmp_path / ".nb2prod", report.run).read_text(encoding="utf-8")


@pytest.mark.kernel
def test_the_page_of_a_run_is_drawn_when_it_is_asked_for(tmp_path: Path) -> None:
    path = copied("failing_cell", tmp_path)
    report, home = api.run(path), settings.home_of(path)
    before = list(home.rglob("report.html"))
    page = api.report_page(home, report.run)

    assert before == []
    assert "NB201" in page.read_text(encoding="utf-8")
    assert api.report_page(home, report.run) == page


def test_a_notebook_that_was_refused_has_a_page_that_says_why(tmp_path: Path) -> None:
    path = copied("syntax_error", tmp_path)
    report = api.run(path)

    assert "NB102" in api.report_page(settings.home_of(path), report.run).read_text(encoding="utf-8")


def test_a_run_that_is_not_there_has_no_page(tmp_path: Path) -> None:
    for name in ("20260101-000000-abcdef", "../../etc"):
        with pytest.raises(RunUnknown, match="NB303"):
            api.report_page(tmp_path / ".nb2prod", name)

"""How a run ends whose cells fail, die, last too long or leave what cannot be kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from books import copied, document, written

from nb2prod import api

pytestmark = pytest.mark.kernel


def test_a_cell_that_may_fail_does_not_stop_the_stage(tmp_path: Path) -> None:
    path = written(tmp_path, ("%%stage a\n1 / 0", {"tags": ["raises-exception"]}), "%%stage b\nprint(1)")

    assert api.run(path).ok


def test_a_failing_cell_keeps_what_was_done_and_says_where(tmp_path: Path) -> None:
    path = copied("failing_cell", tmp_path)
    report = api.run(path)

    assert report.error is not None
    assert (report.error.code, report.error.place.stage, report.error.place.cell) == ("NB201", "divide", 2)
    assert [one.state for one in report.outcomes] == ["done", "done", "failed", "skipped"]
    assert [one.state for one in api.run(path).outcomes] == ["reused", "reused", "failed", "skipped"]


def test_a_killed_kernel_is_said_to_be_killed(tmp_path: Path) -> None:
    report = api.run(copied("kernel_killed", tmp_path))

    assert report.error is not None
    assert (report.error.code, report.error.place.cell) == ("NB202", 2)
    assert "signal 9" in report.error.message


def test_a_value_that_cannot_be_kept_is_named_with_its_reader(tmp_path: Path) -> None:
    report = api.run(copied("unpicklable_model", tmp_path))

    assert report.error is not None
    assert report.error.code == "NB205"
    assert "'model'" in report.error.message
    assert "'evaluate'" in report.error.message


def test_a_cell_may_not_run_longer_than_its_stage_allows(tmp_path: Path) -> None:
    report = api.run(written(tmp_path, "%%stage a --timeout 1\nwhile True: pass"))

    assert report.error is not None
    assert report.error.code == "NB204"


def test_a_stage_is_tried_again_as_often_as_it_says(tmp_path: Path) -> None:
    cell = "%%stage a --retries 2\nwith open('n.txt', 'a') as f: f.write('x')\nassert len(open('n.txt').read()) == 3"

    assert api.run(written(tmp_path, cell)).ok


def test_a_missing_kernel_is_named(tmp_path: Path) -> None:
    raw = document("%%stage a\nx = 1")
    raw["metadata"]["kernelspec"]["name"] = "nowhere"
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(raw), encoding="utf-8")
    report = api.run(path)

    assert report.error is not None
    assert report.error.code == "NB203"

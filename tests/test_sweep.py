"""Sweeps: what combinations have in common is run once, and one that fails stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from books import texts, written
from click.testing import CliRunner

from nb2prod.cli.main import main

PARAMETERS = ("alpha = 1.0\ndepth = 2", {"tags": ["parameters"]})
CELLS = (
    PARAMETERS,
    "%%stage load\nrows = [1, 2, 3]",
    "%%stage train\nif alpha > 5:\n    raise ValueError('too much')\nmodel = [row * alpha for row in rows]",
    "%%stage score\nrmse = sum(model) / depth\nprint(rmse)",
)


@pytest.mark.kernel
def test_a_sweep_shares_stages_and_finds_the_best(tmp_path: Path) -> None:
    path = written(tmp_path, *CELLS)
    grid = ["--grid", "alpha=0.5,9,1", "--grid", "depth=2,3"]
    done = CliRunner().invoke(main, ["run", str(path), *grid, "--jobs", "3", "--format", "json"])
    found = json.loads(done.stdout)
    measured = [item["metrics"].get("rmse") for item in found["combinations"]]
    states = [stage for item in found["combinations"] for stage in _stages(tmp_path, item["run"])]
    best = found["combinations"][found["winner"]]

    assert done.exit_code == 1
    assert measured == [1.5, 1.0, None, None, 3.0, 2.0]
    assert [item["ok"] for item in found["combinations"]] == [True, True, False, False, True, True]
    assert (found["by"], best["parameters"]) == ("rmse", {"alpha": 0.5, "depth": 3})
    assert states.count(("load", "run")) == 1
    assert states.count(("train", "run")) <= 4
    assert texts(Path(best["output"]))[-1] == "1.0\n"


def _stages(folder: Path, run: str) -> list[tuple[str, str]]:
    result = json.loads((folder / ".nb2prod" / "runs" / run / "run.json").read_text())
    return [(stage["name"], stage["action"]) for stage in result["stages"]]


def test_a_parameter_that_the_notebook_does_not_have_is_wrong_use(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["run", str(written(tmp_path, *CELLS)), "--grid", "beta=1,2"])

    assert done.exit_code == 2
    assert "NB206" in done.output

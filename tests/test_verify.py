"""Verify holds the stages of a notebook against the notebook run straight through, in real kernels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from books import copied, written
from click.testing import CliRunner

from nb2prod import api, settings
from nb2prod.api import Options
from nb2prod.cli.main import main

pytestmark = pytest.mark.kernel

# What only the notebook's own process has: nothing of it is a value that a stage could be given.
PROCESS = ["%%stage start\nimport os\nborn = os.getpid()", "%%stage look\nsame = born == os.getpid()\nprint(same)"]
MODULE = [
    "%%stage start\nimport sys, types\nvars(sys)['modules']['cfg'] = cfg = types.ModuleType('cfg')\ncfg.size = 3",
    "%%stage look\nsize = getattr(sys.modules.get('cfg'), 'size', 0)",
    "%%stage tell\ntotal = size + 1",
]
RANDOM = ["%%stage draw\nimport random\nx = random.random()", "%%stage tell\nprint(x)\nx + 1", "%%stage rest\nprint(1)"]
EQUAL = """
%%stage make
import time
import numpy as np
import pandas as pd
class Scale:
    def __init__(self, by):
        self.by = by
    def __call__(self, x):
        return x * self.by * unit
unit = 2
frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=50)})
rows = [frame, frame]
scale = Scale(3)
""", """
%%stage change
rows[0]["b"] = scale(frame["a"])
print(time.time_ns() > 0, time.ctime(), object())
frame.describe()
""", """
%%stage tell
print(rows[1] is frame, frame["b"].sum())
rows = None
"""  # fmt: skip


def found(*cells: str, folder: Path, **options: Any) -> dict[str, Any]:
    return api.verify(written(folder, *(cell.lstrip() for cell in cells)), Options(**options))


def places(differences: list[dict[str, Any]]) -> list[tuple[str, int, str | None]]:
    return [(item["code"], item["cell"], item["name"]) for item in differences]


def test_a_notebook_that_runs_the_same_either_way_is_equal(tmp_path: Path) -> None:
    result = found(*EQUAL, folder=tmp_path)
    verdict = result["verify"]

    assert (result["ok"], verdict["equal"], verdict["differences"], verdict["unstable"]) == (True, True, [], [])
    assert (verdict["cells"], verdict["names"]) == (3, 5)  # with what a call of `scale` may look up


def test_a_value_that_holds_for_one_process_only_differs(tmp_path: Path) -> None:
    result = found(*PROCESS, folder=tmp_path)
    verdict = result["verify"]

    assert (result["ok"], verdict["equal"]) == (False, False)
    assert places(verdict["differences"]) == [("NB211", 1, None), ("NB214", 1, "same")]
    assert places(verdict["unstable"]) == [("NB214", 0, "born")]
    assert verdict["differences"][0]["message"] == '"True" straight, "False" staged'


def test_a_value_is_followed_to_the_stage_that_is_given_it(tmp_path: Path) -> None:
    difference, left = found(*MODULE, folder=tmp_path)["verify"]["differences"]

    assert left["name"] == "total"
    assert tuple(difference[k] for k in ("code", "cell", "name", "stage")) == ("NB214", 1, "size", "tell")
    assert difference["message"] == "size: 3 straight, 0 staged"


def test_chance_is_the_notebooks_own(tmp_path: Path) -> None:
    result = found(*RANDOM, folder=tmp_path)
    verdict = result["verify"]

    assert result["ok"]
    assert places(verdict["unstable"]) == [("NB211", 1, None), ("NB212", 1, None), ("NB214", 0, "x")]


def test_luck_is_told_by_a_third_straight_run(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    file = f"import pathlib\nfile = pathlib.Path({str(counter)!r})"
    count = "n = int(file.read_text()) + 1\nfile.write_text(str(n));"
    counter.write_text("0")
    result = found(
        f"%%stage draw\n{file}\n{count}", "%%stage tell\nprint(n in (1, 4))", folder=tmp_path
    )  # 4: the third one

    assert result["ok"]
    assert places(result["verify"]["unstable"]) == [("NB211", 1, None), ("NB214", 0, "n")]


def test_an_error_in_the_notebook_is_one_either_way(tmp_path: Path) -> None:
    result = found("%%stage a\nx = 1", "%%stage b\nx / 0", "%%stage c\nprint(x)", folder=tmp_path)

    assert (result["ok"], result["error"]["code"], result["error"]["cell"]) == (False, "NB201", 1)
    assert (result["verify"]["equal"], result["verify"]["cells"]) == (True, 2)


def test_files_that_stages_wrote_stay_as_they_were(tmp_path: Path) -> None:
    write = "%%stage a\nimport os\nwith open('out.txt', 'w') as file:\n    print(os.getpid(), file=file)"
    path = written(tmp_path, write, "%%stage b\nprint(1)")
    api.run(path)
    before = (tmp_path / "out.txt").read_text(encoding="utf-8")
    result = api.verify(path)

    assert result["ok"]
    assert before == (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert {"reuse"} == {stage["action"] for stage in result["stages"]}


def test_the_notebooks_history_has_no_trace_of_the_comparison(tmp_path: Path) -> None:
    count = "get_ipython().execution_count"
    result = found("%%stage a\nx = [1]", f"%%stage b\ny = x * 2\n{count}", f"%%stage c\ny\n{count}", folder=tmp_path)

    assert result["ok"], result["verify"] or result["error"]
    assert (result["verify"]["cells"], result["verify"]["names"]) == (3, 2)


def test_what_is_wrong_before_anything_runs_is_not_compared(tmp_path: Path) -> None:
    result = api.verify(copied("missing_name", tmp_path))

    assert (result["ok"], result["error"]["code"], result["verify"]) == (False, "NB103", None)


def test_the_command_says_where_and_exits_with_1(tmp_path: Path) -> None:
    path = written(tmp_path, *PROCESS)
    said = CliRunner().invoke(main, ["verify", str(path)])
    written_out = CliRunner().invoke(main, ["verify", str(path), "--format", "json"])

    assert (said.exit_code, written_out.exit_code) == (1, 1)
    assert '✗ NB211 cell 2: "True" straight, "False" staged' in said.stdout
    assert "~ unstable cell 1, stage 'look': born: " in said.stdout
    assert json.loads(written_out.stdout)["verify"]["equal"] is False
    assert not list((settings.home_of(path) / "store").rglob("verify-*"))

"""Runs that are killed, cancelled, doubled or flooded: the next one is right, and nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import psutil
import pytest
from attrs import define, field
from books import texts, written

pytestmark = pytest.mark.kernel

CELLS = (
    "import subprocess, time\nnumbers = list(range(5))",
    "%%stage left\ntime.sleep(0.3)\na = sum(numbers)\nprint(a)",
    "%%stage right\nhelper = subprocess.Popen(['sleep', '600']).pid\ntime.sleep(0.3)\nb = max(numbers)\nprint(b)",
    "%%stage far\ntime.sleep(0.2)\nc = [n * a for n in numbers]\nprint(c)",
    "%%stage both\nprint(a + b + sum(c))",
)
SHOWN = ["", "10\n", "4\n", "[0, 10, 20, 30, 40]\n", "114\n"]


@define
class Runs:
    """Runs of a notebook whose processes and temporary files can be told from all others."""

    path: Path
    mark: str = field(factory=lambda: uuid.uuid4().hex)

    @property
    def temporary(self) -> Path:
        folder = self.path.parent / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def start(self, *flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "nb2prod", "run", str(self.path), "--format", "json", *flags]
        environment = {**os.environ, "NB2PROD_TEST_MARK": self.mark, "TMPDIR": str(self.temporary)}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True)

    def finish(self, *flags: str) -> dict[str, Any]:
        with self.start(*flags) as run:
            said, log = run.communicate(timeout=240)
        assert said, log
        found: dict[str, Any] = json.loads(said)
        return found

    def alive(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            dead = process.status() == psutil.STATUS_ZOMBIE
            return not dead and process.environ().get("NB2PROD_TEST_MARK") == self.mark
        except psutil.Error:
            return False

    def gone(self) -> bool:
        """Tell whether all processes end by themselves."""
        end = time.monotonic() + 30
        while self.alive() and time.monotonic() < end:
            time.sleep(0.1)
        return not self.alive()

    def right(self) -> bool:
        found = self.finish()
        return found["ok"] and texts(Path(found["output"])) == SHOWN

    def left_over(self) -> list[Path]:
        store = self.path.parent / ".nb2prod" / "store"
        return [*self.temporary.iterdir(), *store.rglob(".tmp-*")]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(written(tmp_path, *CELLS))


@pytest.mark.timeout(900)
def test_runs_killed_at_any_moment_are_made_good_by_the_next(runs: Runs) -> None:
    chance = random.Random(20)
    began = time.monotonic()
    assert runs.right()
    whole = time.monotonic() - began
    for number in range(1, 21):
        with runs.start("--force", "left", "--force", "right", "--force", "far") as run:
            time.sleep(chance.uniform(0.05, 1) * whole)
            run.kill()

        assert runs.gone(), runs.alive()
        if number % 5 == 0:
            assert runs.right()
    assert runs.left_over() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_run_says_so_and_the_next_goes_on(runs: Runs, number: int) -> None:
    runs.path.write_text(runs.path.read_text().replace("sleep(0.2)", "sleep(60)"))
    with runs.start() as run:
        _until_in_journal(runs.path, '"stage": "far", "state": "running"')
        run.send_signal(number)
        found = json.loads(run.communicate(timeout=60)[0])

    assert found["error"]["code"] == "NB207"
    assert {stage["name"]: stage["state"] for stage in found["stages"]}["left"] == "done"
    assert runs.gone(), runs.alive()
    runs.path.write_text(runs.path.read_text().replace("sleep(60)", "sleep(0)"))
    assert runs.right()
    assert runs.left_over() == []


def test_two_runs_at_once_are_both_right(runs: Runs) -> None:
    with runs.start() as one, runs.start() as other:
        found = [json.loads(run.communicate(timeout=240)[0]) for run in (one, other)]

    assert [texts(Path(item["output"])) for item in found] == [SHOWN, SHOWN]
    assert runs.gone(), runs.alive()
    assert all(stage["action"] == "reuse" for stage in runs.finish()["stages"])


@pytest.mark.parametrize("way", ["import os; os.kill(os.getpid(), 9)", "import time; time.sleep(600)"])
def test_a_stage_that_dies_or_hangs_loses_nothing_else(runs: Runs, way: str) -> None:
    whole = runs.path.read_text()
    broken = json.loads(whole)
    broken["cells"][3]["source"] = f"%%stage far --timeout 2\nc = [n * a for n in numbers]\n{way}"
    runs.path.write_text(json.dumps(broken))
    found = runs.finish()
    runs.path.write_text(whole)
    again = runs.finish()

    assert found["error"]["code"] in {"NB202", "NB204"}
    assert found["error"]["cell"] == 3
    assert {stage["name"]: stage["state"] for stage in again["stages"]}["right"] == "reused"
    assert texts(Path(again["output"])) == SHOWN
    assert runs.gone(), runs.alive()
    assert runs.left_over() == []


def test_a_flood_of_prints_is_bounded(runs: Runs) -> None:
    book = json.loads(runs.path.read_text())
    book["cells"][1]["source"] += "\nfor _ in range(1000):\n    print('x' * 100_000)"
    runs.path.write_text(json.dumps(book))
    found = runs.finish()

    assert found["ok"]
    assert Path(found["output"]).stat().st_size < 10_000_000
    assert texts(Path(found["output"]))[-1] == SHOWN[-1]


def _until_in_journal(path: Path, text: str) -> None:
    end = time.monotonic() + 120
    while not any(text in file.read_text() for file in path.parent.glob(".nb2prod/runs/*/events.jsonl")):
        assert time.monotonic() < end
        time.sleep(0.05)

"""Attempts, what is retried, and options that a project sets for all stages."""

from __future__ import annotations

from pathlib import Path

import forks
import pytest

from nb2prod.errors.base import Nb2ProdError, Place, SettingWrong
from nb2prod.errors.runs import CellFailed, KernelDied, KernelMissing, StageTimedOut
from nb2prod.execution.machine import Machine
from nb2prod.execution.scheduler import retried
from nb2prod.stage import defaults

FLAKY = """%%stage flaky --retries 2
import pathlib
tries = pathlib.Path("tries.txt")
tries.write_text((tries.read_text() if tries.exists() else "") + "x")
print(tries.read_text())
assert len(tries.read_text()) > 2"""

HERE = Place(stage="train")


def test_a_stage_is_tried_again_as_often_as_it_says(tmp_path: Path) -> None:
    run = forks.run([FLAKY], tmp_path)
    told = [event.data["why"] for event in run.events if event.kind == "stage" and event.data["state"] == "running"]

    assert run.states == {"flaky": "done"}
    assert run.texts == ["xxx\n"]
    assert [why.partition(":")[0] for why in told] == ["it has not run before", "attempt 2 of 3", "attempt 3 of 3"]


def test_a_project_sets_what_stages_do_not_say(tmp_path: Path) -> None:
    run = forks.run([FLAKY.replace(" --retries 2", "")], tmp_path, defaults={"retries": 2})

    assert run.states == {"flaky": "done"}


def test_a_stage_that_asks_for_too_much_says_so_and_runs_nothing(tmp_path: Path) -> None:
    machine = Machine(jobs=2, cpus=2, memory=10**9, gpus=0)
    run = forks.run(["%%stage train --memory 2GB\nprint(1)"], tmp_path, machine=machine)

    assert run.execution.error is not None
    assert run.execution.error.code == "NB220"
    assert run.runner.ran == []


@pytest.mark.parametrize(
    ("failure", "causes", "again"),
    [
        (CellFailed(HERE, "ValueError", "", ""), None, True),
        (CellFailed(HERE, "NameError", "", ""), None, False),
        (CellFailed(HERE, "SyntaxError", "", ""), "SyntaxError", True),
        (CellFailed(HERE, "ValueError", "", ""), "OSError, ConnectionError", False),
        (CellFailed(HERE, "ConnectionError", "", ""), "OSError, ConnectionError", True),
        (StageTimedOut(HERE, 1.0), None, True),
        (StageTimedOut(HERE, 1.0), "died", False),
        (KernelDied(HERE, -9), "timeout,died", True),
        (KernelMissing("python3", "it is not installed"), None, False),
    ],
)
def test_what_may_end_otherwise_is_tried_again(failure: Nb2ProdError, causes: str | None, again: bool) -> None:
    assert retried(failure, causes) == again


def test_options_for_all_stages_are_read_like_those_of_one() -> None:
    found = defaults({"memory": "1.5GB", "cpus": 2, "timeout": "60", "retries": 1, "cache": False})

    assert found == {"memory": 1_500_000_000, "cpus": 2, "timeout": 60.0, "retries": 1, "cache": False}


@pytest.mark.parametrize("given", [{"memory": "much"}, {"memory": "0GB"}, {"cpus": 0}, {"role": "setup"}, {"spam": 1}])
def test_an_option_that_means_nothing_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(SettingWrong, match="NB121"):
        defaults(given)

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from books import copied, written

from nb2prod import jobs, journal, settings
from nb2prod.errors.base import RunUnknown
from nb2prod.events import Event
from nb2prod.startup import run_name

SLOW = "%%stage slow\nimport time, pathlib\npathlib.Path('began').touch()\ntime.sleep(120)"


def ended(home: Path, run: str, seconds: float = 60) -> str:
    deadline = time.monotonic() + seconds
    while jobs.state(home, run) == "running" and time.monotonic() < deadline:
        time.sleep(0.1)
    return jobs.state(home, run)


def pid_of(home: Path, run: str) -> int:
    return int(jobs.events(home, run)[0]["pid"])


def begun(folder: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not (folder / "began").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["", "../..", "20260101-000000-abcdeg", "20260101-000000-abcdef/../x"])
def test_a_run_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunUnknown):
        journal.read(tmp_path, name)


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    run = run_name.new()
    folder = journal.Journal(tmp_path, run).folder
    (folder / "events.jsonl").write_text('{"seq": 1, "event": "start"}\n{"seq": 2, "ev', encoding="utf-8")

    assert [event["seq"] for event in journal.read(tmp_path, run)] == [1]


@pytest.mark.kernel
def test_a_job_is_found_by_its_run_and_followed_from_any_event(tmp_path: Path) -> None:
    path = copied("tiny", tmp_path)
    home = settings.home_of(path)
    run = jobs.start(path, "run")
    assert ended(home, run) == "done"
    events: list[dict[str, Any]] = jobs.events(home, run)
    summary = jobs.history(home, path)[0]

    assert (events[0]["event"], events[-1]["event"]) == ("start", "end")
    assert events[3:] == jobs.events(home, run, after=3)
    assert (run, "run", "done", True) == (summary["run"], summary["verb"], summary["state"], summary["ok"])
    assert jobs.history(home, tmp_path / "other.ipynb") == []
    assert jobs.history(home, tmp_path / "below" / "tiny.ipynb") == []


@pytest.mark.kernel
def test_a_cancelled_job_says_so_and_leaves_no_process(tmp_path: Path) -> None:
    path = written(tmp_path, SLOW)
    home = settings.home_of(path)
    run = jobs.start(path, "run")
    begun(tmp_path)
    jobs.cancel(home, run)

    assert ended(home, run) == "cancelled"
    assert jobs.events(home, run)[-1]["result"]["error"]["code"] == "NB207"


def test_a_run_of_a_script_is_running_until_its_process_ends(tmp_path: Path) -> None:
    home, run = tmp_path / ".nb2prod", run_name.new()
    book = journal.Journal(home, run)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = psutil.Process(process.pid).create_time()
    book(Event(kind="start", data={"run": run, "pid": process.pid, "began": began}))

    assert jobs.state(home, run) == "running"
    process.kill()
    process.communicate()
    assert jobs.state(home, run) == "lost"


def test_another_process_with_the_id_of_a_run_is_not_its_own(tmp_path: Path) -> None:
    home, run = tmp_path / ".nb2prod", run_name.new()
    began = psutil.Process().create_time() - 60
    journal.Journal(home, run)(Event(kind="start", data={"run": run, "pid": os.getpid(), "began": began}))

    assert jobs.state(home, run) == "lost"


@pytest.mark.kernel
def test_a_killed_job_is_lost_and_the_next_run_is_right(tmp_path: Path) -> None:
    path = written(tmp_path, "%%stage quick\nx = 1", f"{SLOW}\nprint(x)")
    home = settings.home_of(path)
    run = jobs.start(path, "run")
    begun(tmp_path)
    os.kill(pid_of(home, run), signal.SIGKILL)

    assert ended(home, run) == "lost"
    path.write_text(path.read_text(encoding="utf-8").replace("time.sleep(120)", ""), encoding="utf-8")
    again = jobs.start(path, "run")
    assert ended(home, again) == "done"
    stages = jobs.events(home, again)[-1]["result"]["stages"]
    assert [stage["state"] for stage in stages] == ["reused", "done"]


@pytest.mark.kernel
def test_parameters_keep_their_types_on_their_way(tmp_path: Path) -> None:
    cell = ("n = 1\nname = 'a'\nxs = []", {"tags": ["parameters"]})
    path = written(tmp_path, cell, "%%stage show\nassert (n, name, xs) == (2, '3', [1, 'b'])")
    run = jobs.start(path, "run", parameters={"n": 2, "name": "3", "xs": [1, "b"]})

    assert ended(settings.home_of(path), run) == "done"


@pytest.mark.kernel
def test_a_job_that_is_cancelled_before_it_said_a_word_is_cancelled_and_not_lost(tmp_path: Path) -> None:
    path = written(tmp_path, SLOW)
    home = settings.home_of(path)
    run = jobs.start(path, "run")
    jobs.cancel(home, run)

    assert ended(home, run) == "cancelled"


def test_making_a_release_again_is_found_by_the_release_and_lost_when_it_was_killed(tmp_path: Path) -> None:
    name = "tiny-20260101-000000-abcdef"
    with pytest.raises(RunUnknown):
        jobs.reproduce(tmp_path, name)
    assert jobs.reproduction(tmp_path, name) is None
    folder = tmp_path / "reproductions" / name
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"pid": os.getpid(), "began": psutil.Process().create_time()}))
    (folder / "result.json").write_text("")
    (folder / "log.txt").write_text("▶ data running\n✓ data done\n▶ rebuild running\n")
    assert jobs.reproduction(tmp_path, name) == {"state": "running", "step": "rebuild", "result": None}

    (folder / "job.json").write_text(json.dumps({"pid": os.getpid(), "began": 1.0}))
    assert jobs.reproduction(tmp_path, name) == {"state": "lost", "step": "", "result": None}
    (folder / "result.json").write_text(json.dumps({"ok": True, "verdict": "same bits"}))
    found = jobs.reproduction(tmp_path, name)
    assert found == {"state": "done", "step": "", "result": {"ok": True, "verdict": "same bits"}}

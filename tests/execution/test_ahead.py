"""Stages that run ahead, and those that may not."""

from __future__ import annotations

from pathlib import Path

import forks
import pytest

from nb2prod.execution.machine import Machine

START = "import time\nnumbers = list(range(5))"
SLOW = "time.sleep(0.6)"
LEFT = f"%%stage left\n{SLOW}\na = sum(numbers)\nprint('left', a)"
RIGHT = f"%%stage right\n{SLOW}\nb = max(numbers)\nprint('right', b)"
BOTH = "%%stage both\nprint(a + b)"


def test_stages_that_wait_for_nothing_run_at_once(tmp_path: Path) -> None:
    run = forks.run([START, LEFT, RIGHT, BOTH], tmp_path)

    assert run.texts == ["", "left 10\n", "right 4\n", "14\n"]
    assert run.runner.most == 2
    assert run.runner.ran == ["setup", "left", "right", "both"]


def test_events_and_counts_are_those_of_a_straight_run(tmp_path: Path) -> None:
    cells = [START, LEFT, RIGHT, BOTH]
    one, many = (forks.run(cells, tmp_path / name, machine=Machine(jobs=n)) for name, n in _folders(tmp_path))

    assert [_told(event) for event in one.events] == [_told(event) for event in many.events]
    assert [cell["execution_count"] for cell in many.execution.document["cells"]] == [1, 2, 3, 4]


def _folders(folder: Path) -> list[tuple[str, int]]:
    for name in ("one", "many"):
        (folder / name).mkdir()
    return [("one", 1), ("many", 4)]


def _told(event: forks.Event) -> tuple[str, dict[str, object]]:
    return event.kind, {name: value for name, value in event.data.items() if name != "seconds"}


def test_what_runs_ahead_is_kept_when_the_run_fails(tmp_path: Path) -> None:
    broken = f"%%stage left\n{SLOW}\nraise ValueError(numbers)"
    failed = forks.run([START, broken, RIGHT, BOTH], tmp_path)
    again = forks.run([START, LEFT, RIGHT, BOTH], tmp_path)

    assert failed.states == {"setup": "done", "left": "failed", "right": "skipped", "both": "skipped"}
    assert again.states == {"setup": "reused", "left": "done", "right": "reused", "both": "done"}


@pytest.mark.parametrize(
    "line",
    [
        "open('out.txt', 'w').write('x')",
        "!true",
        "import subprocess; subprocess.run(['true'])",
        "import requests",
        "frame = 0; exec('b = ' + str(frame))",
        "import os; os.environ['B'] = '1'",
    ],
)
def test_a_stage_that_touches_the_outside_waits_for_its_turn(line: str, tmp_path: Path) -> None:
    pytest.importorskip("requests")
    run = forks.run([START, LEFT, f"{RIGHT}\n{line}"], tmp_path)

    assert run.execution.error is None
    assert run.runner.most == 1 or "environ" in line


def test_a_reader_of_files_does_not_pass_a_writer(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("old")
    writes = f"%%stage writes\n{SLOW}\nopen('data.txt', 'w').write(str(numbers))"
    reads = "%%stage reads\nprint(open('data.txt').read())"
    run = forks.run([START, writes, reads], tmp_path)

    assert run.texts[-1] == "[0, 1, 2, 3, 4]\n"


def test_a_file_written_where_nobody_could_see_it_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("old")
    hidden = "def put(text):\n    getattr(__import__('pathlib').Path('data.txt'), 'wri' + 'te_text')(text)"
    writes = f"%%stage writes\n{SLOW}\nput('new')"
    reads = "%%stage reads\nprint(open('data.txt').read())"
    run = forks.run([f"{START}\n{hidden}", writes, reads], tmp_path)

    assert run.texts[-1] == "new\n"


def test_what_a_stage_was_seen_to_leave_alone_does_not_hold_up_the_next(tmp_path: Path) -> None:
    looks = f"%%stage looks\n{SLOW}\ndef show(values):\n    if not values:\n        values.append(1)\nshow(numbers)"
    cells = [START, looks, RIGHT]
    first = forks.run(cells, tmp_path)
    again = forks.run(cells, tmp_path, last=first.records, force={"looks": "asked", "right": "asked"})

    assert first.runner.most == 1
    assert again.runner.most == 2
    assert first.texts == again.texts


def test_a_stage_that_reran_to_the_same_bytes_does_not_rerun_its_readers(tmp_path: Path) -> None:
    first = forks.run([START, LEFT, RIGHT, BOTH], tmp_path)
    again = forks.run([START, LEFT.replace("sum(numbers)", "sum(sorted(numbers))"), RIGHT, BOTH], tmp_path)

    assert first.texts == again.texts
    assert again.states == {"setup": "reused", "left": "done", "right": "reused", "both": "reused"}


def test_values_set_anew_do_not_come_back_with_those_they_were_kept_with(tmp_path: Path) -> None:
    cells = [
        "ys = [1]",
        "%%stage first\nzs = ys",
        "%%stage second\nys = [2, *zs]",
        "%%stage third\nzs[0] = 5",
        "%%stage last\nprint(ys, zs)",
    ]
    run = forks.run(cells, tmp_path)

    assert run.texts[-1] == "[2, 1] [5]\n"

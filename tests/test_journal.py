from __future__ import annotations

import resource
from pathlib import Path

import pytest

from nb2prod import journal
from nb2prod.errors.base import HomeUnusable
from nb2prod.events import Event
from nb2prod.startup import run_name


def test_a_home_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".nb2prod").write_text("a file in its place", encoding="utf-8")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "runs").write_text("a file in the place of the runs", encoding="utf-8")

    for home in (tmp_path / "a" / ".nb2prod", tmp_path / "b", tmp_path / "nowhere" / ".nb2prod"):
        with pytest.raises(HomeUnusable, match="NB304"):
            journal.Journal(home, run_name.new())
    assert not (tmp_path / "nowhere").exists()


def test_two_notebooks_of_one_name_in_a_project_are_remembered_apart(tmp_path: Path) -> None:
    home = tmp_path / ".nb2prod"
    journal.remember(home, tmp_path / "a" / "x.ipynb", {"load": "k1"})
    journal.remember(home, tmp_path / "b" / "x.ipynb", {"load": "k2"})
    journal.remember(home, tmp_path / "b" / "x.ipynb", {"train": "k3"})

    assert journal.remembered(home, tmp_path / "a" / "x.ipynb") == {"load": "k1"}
    assert journal.remembered(home, tmp_path / "b" / "x.ipynb") == {"load": "k2", "train": "k3"}


def test_a_full_disk_leaves_whole_lines_and_no_leftovers(tmp_path: Path) -> None:
    home, run = tmp_path / ".nb2prod", run_name.new()
    write = journal.Journal(home, run)
    write(Event(kind="step", data={"step": "check"}))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))  # bytes
    try:
        with pytest.raises(HomeUnusable, match="NB304"):
            write(Event(kind="step", data={"step": "x" * 10_000}))
        with pytest.raises(OSError, match="large"):
            journal.write_whole(tmp_path / "result", "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    write(Event(kind="step", data={"step": "run"}))

    assert [event["step"] for event in journal.read(home, run)] == ["check", "run"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".nb2prod"]

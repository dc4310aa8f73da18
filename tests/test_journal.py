from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod import journal
from nb2prod.errors.base import HomeUnusable
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

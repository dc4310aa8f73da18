"""Runs stand in the order in which they began, also those of one second."""

from __future__ import annotations

import time

import pytest

from nb2prod import journal
from nb2prod.startup import run_name


def test_runs_that_begin_in_one_second_are_sorted_as_they_began() -> None:
    names = []
    for _ in range(200):
        names.append(run_name.new())
        time.sleep(2e-5)

    assert names == sorted(names)
    assert len(set(names)) == len(names)
    assert all(journal.folder_of(journal.Path(), name).name == name for name in names)


def test_a_name_says_when_its_run_began() -> None:
    before, name, after = time.time(), run_name.new(), time.time()

    assert before - 1e-5 <= run_name.began(name) <= after
    assert run_name.began("20261122-100000-ffffff") == pytest.approx(1795341600, abs=1)

from __future__ import annotations

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from nb2prod.worker import ambient


def test_what_did_not_change_is_not_carried() -> None:
    start = ambient.capture()

    assert ambient.changed(start, ambient.capture()) == {}


def test_a_seed_reaches_the_other_process() -> None:
    start = ambient.capture()
    kept = random.getstate()
    random.seed(5)
    state = ambient.changed(start, ambient.capture())
    expected = random.random()
    random.setstate(kept)
    ambient.restore(state)
    drawn = random.random()
    random.setstate(kept)

    assert expected == drawn


def test_only_the_variables_that_were_set_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    start = ambient.capture()
    monkeypatch.setenv("NB2PROD_TEST", "here")
    state = ambient.changed(start, ambient.capture())
    monkeypatch.delenv("NB2PROD_TEST")
    monkeypatch.setenv("NB2PROD_OTHER", "stays")
    ambient.restore(state)

    assert state["environment"].put == {"NB2PROD_TEST": "here"}
    assert (os.environ["NB2PROD_TEST"], os.environ["NB2PROD_OTHER"]) == ("here", "stays")


def test_filters_and_directory_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = ambient.capture()
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        state = ambient.changed(start, ambient.capture())
    os.chdir("/")
    with warnings.catch_warnings():
        ambient.restore(state)

        assert ("ignore", ResourceWarning) == (warnings.filters[0][0], warnings.filters[0][2])
    assert tmp_path == Path.cwd()


def test_a_library_that_seeds_itself_when_it_is_imported_has_not_changed() -> None:
    code = (
        "from nb2prod.worker import ambient\ns = ambient.watch()\nimport numpy, pandas\n"
        "print([name for name in ambient.changed(s, ambient.capture()) if ':' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"

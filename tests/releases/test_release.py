"""A release exists when its manifest does."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from nb2prod.errors.base import RunUnknown
from nb2prod.errors.ships import ReleaseExists
from nb2prod.releases.release import Release, folder_of, new_folder, read, releases, write

ONE = Release(
    id="churn-20261122-001500-ab12cd",
    run="20261122-001500-ab12cd",
    notebook="churn.ipynb",
    created="2026-11-22T00:15:00+00:00",
    code="00",
    data={"file:churn.csv": "11"},
    python="3.11.7",
    environment=("numpy==2.4.6",),
    parameters={"seed": 7},
    model={"name": "model"},
    metrics={"accuracy": 0.9},
    baseline={"name": "most frequent class", "metrics": {"accuracy": 0.8}},
    gate={"ok": True, "verdicts": []},
    rehearsal={"rows": 10},
    bento="churn:ab12",
    archive="churn.bento",
    archive_sha256="22",
)


def test_a_release_is_read_as_it_was_written(tmp_path: Path) -> None:
    new_folder(tmp_path, ONE.id)
    write(tmp_path, ONE)

    assert read(tmp_path, ONE.id) == ONE


def test_without_a_manifest_there_is_no_release(tmp_path: Path) -> None:
    (new_folder(tmp_path, ONE.id) / "churn.bento").write_bytes(b"half")

    assert releases(tmp_path) == ()
    with pytest.raises(RunUnknown, match="NB303"):
        read(tmp_path, ONE.id)


def test_what_a_killed_ship_left_is_cleared_away(tmp_path: Path) -> None:
    (new_folder(tmp_path, ONE.id) / "churn.bento").write_bytes(b"half")

    assert not list(new_folder(tmp_path, ONE.id).iterdir())


def test_a_release_is_never_overwritten(tmp_path: Path) -> None:
    new_folder(tmp_path, ONE.id)
    write(tmp_path, ONE)

    with pytest.raises(ReleaseExists, match="NB411"):
        new_folder(tmp_path, ONE.id)


def test_the_newest_release_comes_first(tmp_path: Path) -> None:
    later = evolve(ONE, id="churn-20261123-001500-ab12cd", created="2026-11-23T00:15:00+00:00")
    for item in (ONE, later):
        new_folder(tmp_path, item.id)
        write(tmp_path, item)

    assert releases(tmp_path) == (later, ONE)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b-20261122-001500-ab12cd", "churn", "-20261122-001500-ab12cd"])
def test_an_id_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunUnknown):
        folder_of(tmp_path, name)

"""The local target knows what it started, and takes no paths for names."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod import plugins
from nb2prod.errors.base import RunUnknown
from nb2prod.targets.base import Service
from nb2prod.targets.local import LocalTarget

NAME = "churn-20261122-001500-ab12cd"


def test_it_is_found_by_its_name() -> None:
    assert plugins.find("nb2prod.targets", "local") is LocalTarget


def test_what_was_never_started_is_stopped(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)

    assert target.status(NAME) == Service(release=NAME, state="stopped")
    assert target.stop(NAME) == Service(release=NAME, state="stopped")


def test_a_service_whose_process_is_gone_is_stopped(tmp_path: Path) -> None:
    record = tmp_path / "services" / f"{NAME}.json"
    record.parent.mkdir()
    record.write_text('{"pid": 1, "port": 1, "url": "", "started": 0.5, "family": [[1, 0.5]]}', encoding="utf-8")

    assert LocalTarget(tmp_path).status(NAME).state == "stopped"
    assert LocalTarget(tmp_path).stop(NAME).state == "stopped"
    assert not record.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "churn"])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunUnknown):
        LocalTarget(tmp_path).status(name)

"""What nothing has changed of is done once; what is stopped leaves nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from attrs import evolve
from books import copied

from nb2prod import api, journal, schema, settings
from nb2prod.errors.runs import RunCancelled
from nb2prod.events import Event
from nb2prod.hosting import process
from nb2prod.packers import packer
from nb2prod.releases import release, trust
from nb2prod.shipping import packages, releasing, steps

from .conftest import Ship

pytestmark = pytest.mark.ship


def test_what_nothing_has_changed_of_is_neither_packaged_nor_rehearsed_again(churn: Ship) -> None:
    again = api.ship(churn.path)
    told = {e["step"]: e["detail"] for e in journal.read(churn.home, again["run"]) if e.get("state") == "done"}
    first, second = (trust.trusted(churn.home, result["release"]) for result in (churn.result, again))

    assert again["ok"], again["error"]
    assert {told[name] for name in ("verify", "baseline", "package", "rehearse")} == {"as before"}
    assert (second.bento, second.archive_sha256, second.metrics) == (first.bento, first.archive_sha256, first.metrics)
    assert second.rehearsal == {**first.rehearsal, "of": first.id}
    assert first.id in Path(again["risk"]).read_text(encoding="utf-8")


def test_a_package_of_before_is_used_only_whole_and_of_the_same(churn: Ship) -> None:
    chosen = settings.read(churn.path)
    source = packer.source(churn.path, api.run(churn.path), store=api.store_of(chosen), home=churn.home)
    known = packages.find(source)
    assert known is not None
    file, part = next((churn.home / "packages").glob("*.pkl")), "schema.json"
    service = [release.folder_of(churn.home, made.id) / "service" for made in api.releases(churn.home)]

    assert known.packed.tag == churn.result["bento"]
    assert packages.find(evolve(source, rules=evolve(source.rules, ranges="refuse"))) is None
    with changed(file, file.read_bytes() + b" "):
        assert packages.find(source) is None  # not the file that was signed for
    with ExitStack() as stack:
        for folder in service:
            stack.enter_context(changed(folder / part, b"{}"))
        assert packages.find(source) is None
    assert packages.find(source) is not None


def test_the_stages_are_held_against_the_notebook_once(churn: Ship) -> None:
    verdict = churn.result["verify"]
    chosen, told = settings.read(churn.path), list[Event]()
    again = steps.verified(churn.path, api.run(churn.path), told.append, store=api.store_of(chosen), chosen=chosen)

    assert (verdict["equal"], verdict["differences"], verdict["unstable"]) == (True, [], [])
    assert verdict["cells"] > 10
    assert verdict["names"] > 10
    assert verdict == schema.verdict(again)
    assert told[-1].data["detail"] == "as before"
    assert told[-1].data["seconds"] < 0.1


def test_a_ship_that_is_stopped_while_it_verifies_leaves_nothing_running(churn: Ship) -> None:
    source = packer.source(
        churn.path, api.run(churn.path), store=api.store_of(settings.read(churn.path)), home=churn.home
    )
    source = evolve(source, rules=evolve(source.rules, ranges="refuse"))  # another package than before
    before_it, log = api.releases(churn.home), churn.home / "services" / f"{releasing.named(source)}.log"

    def held() -> None:
        deadline = time.monotonic() + 120
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(RunCancelled):
        steps.ship(source, lambda _: None, held)

    assert (source.executed.parent / "ship" / "service.log").exists()
    assert [path.name for path in log.parent.glob("*") if log.stem in path.name] == []
    assert [one for one in psutil.Process().children(recursive=True) if "serve" in _words(one)] == []
    assert api.releases(churn.home) == before_it


# A rehearsal waits until the notebook is verified, which takes for ever here.
ENDLESS = """
import sys, time
from pathlib import Path
from nb2prod import api, settings
from nb2prod.packers import packer
from nb2prod.shipping import steps
path = Path(sys.argv[1])
chosen = settings.read(path)
source = packer.source(path, api.run(path), store=api.store_of(chosen), home=chosen.home)
steps.ship(source, lambda _: None, lambda: time.sleep(3600))
"""


def test_a_ship_that_is_killed_while_it_rehearses_leaves_nothing_running(store: Path, tmp_path: Path) -> None:
    path = copied("tiny_model", tmp_path)
    home = settings.home_of(path)
    child = subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], cwd=tmp_path)
    family: list[tuple[int, float]] = []
    while len(family) < 2 and child.poll() is None:  # until BentoML has begun its worker
        every = psutil.Process(child.pid).children(recursive=True)
        family = [(one.pid, one.create_time()) for one in every if {"bentoml", "--worker-id"} & set(_words(one))]
        time.sleep(0.05)

    child.kill()
    child.wait()

    assert len(family) == 2
    assert all(process.gone(pid, started, 120) for pid, started in family)
    assert api.releases(home) == ()
    assert len(list(journal.read(home, next((home / "runs").iterdir()).name))) > 5


def _words(one: psutil.Process) -> list[str]:
    try:
        return one.cmdline()
    except psutil.Error:
        return []


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """Let a file hold something else in the block."""
    kept = path.read_bytes()
    path.write_bytes(content)
    yield
    path.write_bytes(kept)

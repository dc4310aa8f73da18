"""A service in rehearsal, and what it is after that."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import shops
from shops import ask, call

from nb2prod.serving.middleware import Middleware

X = shops.frame()
KEY = {"X-Rehearsal": "sesame"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    return shops.opened(tmp_path_factory.mktemp("shop"), shops.candidate(X, shops.model(X)))


@pytest.fixture
def door(shop: Middleware, tmp_path: Path) -> Iterator[Middleware]:
    (tmp_path / "key").write_text("sesame", encoding="utf-8")
    environ = {"SERVICE_REHEARSAL": str(tmp_path / "key"), "SERVICE_API_KEYS": "k", "SERVICE_MAX_BODY": "10"}
    yield Middleware(shops.elsewhere, core=shop.core, environ=environ)
    shop.core.recorder.stop()


def rehearsed(door: Middleware, body: bytes | None = None, path: str = "/predict") -> tuple[int, Any, Any]:
    return call(door, path, body, KEY)


def example(door: Middleware) -> bytes:
    import json

    return json.dumps({"rows": [shops.example(door)]}).encode()


@pytest.mark.parametrize("path", ["/", "/predict", "/card.json", "/metrics", "/rehearsed"])
def test_nobody_is_answered_but_who_rehearses(door: Middleware, path: str) -> None:
    body = example(door) if path == "/predict" else None

    assert call(door, path, body, {"X-Rehearsal": "guessed", "X-API-Key": "k"})[0] == 503
    assert call(door, path, body)[0] == 503


def test_health_is_told_to_all(door: Middleware) -> None:
    assert call(door, "/readyz")[1] == "elsewhere"


def test_who_rehearses_is_bound_by_no_limit_for_others(door: Middleware) -> None:
    assert rehearsed(door, example(door))[0] == 200


def test_nothing_of_it_is_counted(door: Middleware) -> None:
    before = rehearsed(door, None, "/drift.json")[1]
    rehearsed(door, example(door))
    rehearsed(door, b"{}")
    rehearsed(door, b"", "/rehearsed")

    told = call(door, "/drift.json", headers={"X-API-Key": "k"})[1]

    assert [told[name] for name in ("traffic", "refused")] == [before[name] for name in ("traffic", "refused")]


def test_after_it_the_service_is_what_it_was_made_for(door: Middleware, tmp_path: Path) -> None:
    assert rehearsed(door, b"", "/rehearsed")[0] == 200
    assert not (tmp_path / "key").exists()
    assert rehearsed(door, example(door))[0] == 401
    assert call(door, "/predict", example(door), {"X-API-Key": "k"})[0] == 413
    assert call(door, "/rehearsed", b"", {"X-API-Key": "k"})[1] == "elsewhere"
    assert Middleware(shops.elsewhere, core=door.core, environ=door.environ).rehearsal is None


def test_a_service_without_a_rehearsal_knows_of_none(shop: Middleware) -> None:
    assert ask(shop, shops.example(shop))[0] == 200
    assert call(shop, "/rehearsed", b"")[1] == "elsewhere"


CHILD = """
import os, sys
from nb2prod.serving.rehearsal import VARIABLE, Rehearsal
rehearsal = Rehearsal.of({VARIABLE: sys.argv[1]})
rehearsal.start()
print("up", flush=True)
rehearsal._thread.join()
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def test_it_ends_when_who_rehearsed_it_is_gone(tmp_path: Path) -> None:
    place = tmp_path / "key"
    with place.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        supervisor = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(place)], stdout=subprocess.PIPE)
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"up\n"
        # It goes on as long as somebody holds the file: two looks at it end nothing.
        with pytest.raises(subprocess.TimeoutExpired):
            supervisor.wait(2.5)

    assert supervisor.wait(60) == -signal.SIGTERM
    supervisor.stdout.close()


def test_the_thread_that_looks_ends_with_the_rehearsal(door: Middleware) -> None:
    assert door.rehearsal is not None
    door.rehearsal.start()
    rehearsed(door, b"", "/rehearsed")

    assert [t for t in threading.enumerate() if t.name == "rehearsal" and (t.join(10), t.is_alive())[1]] == []

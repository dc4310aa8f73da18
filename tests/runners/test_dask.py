"""Stages on a Dask cluster of three workers in processes of their own; one is killed, another cut off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from books import texts, written
from click.testing import CliRunner
from stores.seaweed import BUCKET, serving

from nb2prod.cli.main import main

pytestmark = pytest.mark.kernel
pytest.importorskip("distributed")

CELLS = (
    "import time\nnumbers = list(range(6))",
    "%%stage slow\ntime.sleep(6)\na = sum(numbers)\nprint('slow', a)",
    "%%stage quick\nb = max(numbers)\nprint('quick', b)",
    "%%stage both\nprint(a + b)",
)
SHOWN = ["", "slow 15\n", "quick 5\n", "20\n"]
TTL = 4  # seconds after which a silent worker is given up


def test_the_outputs_are_those_of_a_local_run(tmp_path: Path) -> None:
    path = written(tmp_path, *(cell.replace("sleep(6)", "sleep(0)") for cell in CELLS))
    with cluster(tmp_path) as address:
        found = json.loads(_run(path, address).stdout)
    local = _invoke(path, "--store", str(tmp_path / "other"))

    assert texts(Path(found["output"])) == SHOWN
    assert texts(Path(local["output"])) == SHOWN


def test_a_killed_worker_loses_only_the_stage_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values go through a store like those of clouds, which asks who one is."""
    path = written(tmp_path, *CELLS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "s3").mkdir()
    with serving(tmp_path / "s3") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        found = _killed(path, "--store", f"s3://{BUCKET}/dask")

    assert found["error"] is None
    assert texts(Path(found["output"])) == SHOWN


def _killed(path: Path, *flags: str) -> dict[str, Any]:
    """Run a notebook on three workers, of which the one with the slow stage is killed."""
    with cluster(path.parent) as address, _started(path, address, *flags) as run:
        victim = _busy("time.sleep(6)", path.parent)
        os.kill(psutil.Process(victim).ppid(), signal.SIGKILL)
        _until(lambda: not _alive(victim), "the stage of a killed worker ends")
        found: dict[str, Any] = json.loads(run.communicate(timeout=120)[0])
    return found


@pytest.mark.skipif(
    shutil.which("ip") is None or os.geteuid() != 0 or subprocess.run(["ip", "netns", "list"]).returncode != 0,
    reason="networks of one's own are not permitted here",
)
def test_a_worker_that_is_cut_off_is_replaced(tmp_path: Path) -> None:
    path = written(tmp_path, *CELLS)
    with _two_hosts() as cut, cluster(tmp_path, far=True, workers=1) as address, _started(path, address) as run:
        _busy("time.sleep(6)", tmp_path)
        with worker(address, tmp_path, 1, NEAR):
            cut()
            found = json.loads(run.communicate(timeout=200)[0])

    assert found["error"] is None
    assert texts(Path(found["output"])) == SHOWN


def test_a_cluster_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["run", str(written(tmp_path, "x = 1")), "--executor", "kernel", "--cluster", "tcp://127.0.0.1:1"]
    )

    assert done.exit_code == 2
    assert "NB121" in done.output


NEAR, FAR = (["ip", "netns", "exec", f"nb2prod-{name}"] for name in "ab")


@contextmanager
def cluster(folder: Path, *, far: bool = False, workers: int = 3) -> Iterator[str]:
    """Start a scheduler and workers, which may be on another host than it."""
    place, host = folder / "scheduler.json", "10.98.0.1" if far else "127.0.0.1"
    begin = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", "0", "--no-dashboard"]
    begin += ["--scheduler-file", str(place)]
    with ExitStack() as stack:
        stack.enter_context(_process([*(NEAR if far else []), *begin], folder / "scheduler.log"))
        _until(lambda: place.exists() and place.read_text().endswith("}"), "the scheduler starts")
        address = str(json.loads(place.read_text())["address"])
        for number in range(workers):
            stack.enter_context(worker(address, folder, number, FAR if far else []))
        yield address


def worker(
    address: str, folder: Path, number: int, where: list[str]
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Start a worker."""
    work = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(folder / f"worker{number}")]
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address, *work, "--memory-limit", "0"]
    return _process([*where, *command], folder / f"worker{number}.log")


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{TTL}s"}
    with log.open("wb") as said:
        child = subprocess.Popen(command, stdout=said, stderr=said, env=environment, start_new_session=True)
    try:
        yield child
    finally:
        for process in [*psutil.Process(child.pid).children(recursive=True), psutil.Process(child.pid)]:
            process.kill()
        child.wait()


@contextmanager
def _two_hosts() -> Iterator[Callable[[], None]]:
    """Make two hosts with a wire between them, and give what cuts it."""
    for name in ("a", "b"):
        _ip("netns", "add", f"nb2prod-{name}")
    try:
        _ip("link", "add", "nb2a", "netns", "nb2prod-a", "type", "veth", "peer", "name", "nb2b", "netns", "nb2prod-b")
        for name, address in (("a", "10.98.0.1/24"), ("b", "10.98.0.2/24")):
            _ip("-n", f"nb2prod-{name}", "addr", "add", address, "dev", f"nb2{name}")
            for device in (f"nb2{name}", "lo"):
                _ip("-n", f"nb2prod-{name}", "link", "set", device, "up")
        yield lambda: _ip("-n", "nb2prod-b", "link", "set", "nb2b", "down")
    finally:
        for name in ("a", "b"):
            _ip("netns", "del", f"nb2prod-{name}")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def _started(path: Path, address: str, *flags: str) -> Iterator[subprocess.Popen[str]]:
    where = NEAR if address.startswith("tcp://10.98.") else []
    command = [*where, sys.executable, "-m", "nb2prod", "run", str(path), "--format", "json"]
    command += ["--executor", "dask", "--cluster", address, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        yield run


def _run(path: Path, address: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nb2prod", "run", str(path), "--format", "json"]
    command += ["--executor", "dask", "--cluster", address]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def _invoke(path: Path, *flags: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(CliRunner().invoke(main, ["run", str(path), "--format", "json", *flags]).stdout)
    return found


def _busy(code: str, folder: Path) -> int:
    """Wait for the process of the stage with that code, and return it."""
    found: list[int] = []

    def look() -> bool:
        for order in folder.glob("worker*/**/order.json"):
            if code in order.read_text():
                found.extend(p.pid for p in psutil.process_iter() if str(order) in " ".join(_command(p)))
        return bool(found)

    _until(look, "a worker begins the stage")
    time.sleep(1)
    return found[0]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _until(holds: Callable[[], bool], what: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.1)

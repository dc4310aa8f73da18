"""Remote: a stage on a worker of a cluster, run there by a runner of its own in a process of its own."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from nb2prod.errors.base import Place
from nb2prod.errors.runs import FolderMissing, KernelDied, RunCancelled
from nb2prod.notebook import Cell
from nb2prod.runners.base import CellResult, Task, opened
from nb2prod.runners.choice import open_runner
from nb2prod.worker.kernel import Job

_LOOK = 0.5  # seconds between looks whether anybody still wants the stage


def run(told: dict[str, Any]) -> dict[str, Any]:
    """Run a stage in a process that ends with this one; called by Dask, in a thread of a worker.

    Returns:
        The results of its cells, what it left, the error that stopped it, and the host.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    work = Path(tempfile.mkdtemp(prefix="nb2prod-", dir=worker.local_directory))
    try:
        found = _process(told, work, lambda: _wanted(worker, key))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {"results": [], "left": None, **found, "host": worker.address.rpartition("://")[2].rpartition(":")[0]}


def _wanted(worker: Any, key: str) -> bool:
    state = worker.state.tasks.get(key)
    return state is not None and state.state not in {"cancelled", "released", "forgotten"}


def _process(told: dict[str, Any], work: Path, wanted: Callable[[], bool]) -> dict[str, Any]:
    order, result, log = work / "order.json", work / "said.pkl", work / "log.txt"
    order.write_text(json.dumps(told), encoding="utf-8")
    command = [sys.executable, "-m", "nb2prod.runners.remote", str(order), str(result)]
    with log.open("wb") as said:
        # Our end of its standard input closes when this process ends, however it does: then it ends, too.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True)
    place = Place(stage=told["stage"])
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_LOOK)
                break
            if not wanted():
                return {"error": RunCancelled(place)}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if result.exists():
        found: dict[str, Any] = pickle.loads(result.read_bytes())  # noqa: S301  our own process wrote it a moment ago
        return found
    return {"error": KernelDied(place, child.returncode)}


def carried(told: dict[str, Any], work: Path) -> dict[str, Any]:
    """Run a stage with a runner of this machine."""
    folder = Path(told["folder"])
    if not folder.is_dir():
        return {"error": FolderMissing(Place(stage=told["stage"]), str(folder), socket.gethostname())}
    results: list[dict[str, Any]] = []

    def finished(result: CellResult) -> None:
        results.append({"outputs": [dict(output) for output in result.outputs], "ok": result.ok})

    names = ("stage", "kernel", "timeout", "stage_timeout", "memory", "cpus", "gpus", "last")
    task = Task(
        **{name: told[name] for name in names},
        cells=tuple(_cell(raw) for raw in told["cells"]),
        folder=folder,
        job=Job(**{**told["job"], "result": str(work / "result.json")}),
        job_file=work / "job.json",
        overflow=work / "output.txt",
        started=lambda _: None,
        finished=finished,
    )
    with opened(open_runner("auto", told["kernel"])) as runner:
        error = runner.run(task)
    left = None if error is not None else json.loads((work / "result.json").read_text(encoding="utf-8"))
    return {"results": results, "left": left, "error": error}


def _cell(raw: dict[str, Any]) -> Cell:
    return Cell(**{**raw, "tags": tuple(raw["tags"])})


def main() -> None:
    """Read a stage, run it, and write what came of it whole."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    order, result = Path(sys.argv[1]), Path(sys.argv[2])
    found = carried(json.loads(order.read_text(encoding="utf-8")), order.parent)
    temporary = result.with_suffix(".tmp")
    temporary.write_bytes(pickle.dumps(found))
    temporary.replace(result)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    from nb2prod.runners.remote import main as own  # under its own name: what it pickles must be found again

    own()

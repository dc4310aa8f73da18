"""Job: a verb in a process of its own, which outlives the one that started it, and is found by its run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Any, Literal

import psutil

from nb2prod import journal, policy, settings
from nb2prod.errors.base import RunUnknown
from nb2prod.releases import release
from nb2prod.startup import run_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

State = Literal["running", "done", "failed", "cancelled", "lost"]

_GRACE = 30.0  # seconds a process may take from its start to its first event
_SAME = 2.0  # seconds by which two looks at one process's start may differ, since clocks are set


def start(
    notebook: Path,
    verb: Literal["run", "ship"],
    *,
    parameters: Mapping[str, Any] | None = None,
    flags: Iterable[str] = (),
    serve: bool = True,
) -> str:
    """Start `nb2prod run` or `ship` on a notebook, detached from this process.

    Args:
        notebook: Path of the file, as it is on disk.
        verb: What to do.
        parameters: New values for its parameters.
        flags: More options of the command.
        serve: For `ship`: start the service at the end.

    Returns:
        The run's name, under which `events` finds it at once.

    Raises:
        PolicyWrong: The policy that a ship is judged by cannot be read.
    """
    notebook = notebook.resolve()
    if verb == "ship":
        policy.rules(settings.policy_of(notebook))
    home = settings.home_of(notebook)
    run = run_name.new()
    folder = journal.make_folder(home, run)
    command = [sys.executable, "-m", "nb2prod", verb, str(notebook), "--run-id", run, "--format", "json"]
    command += ["--serve"] if verb == "ship" and serve else []
    command += ["--parameters-json", json.dumps(dict(parameters))] if parameters else []
    command += flags
    with (folder / "log.txt").open("wb") as log:
        process = _detached(command, log, log, notebook.parent)
    book = {"notebook": notebook.name, "path": journal.below(home, notebook)}
    journal.write_whole(folder / "job.json", json.dumps({"verb": verb, **book, **_known(process)}))
    _children[run] = process
    return run


# Kept so that a finished child is waited for, and its id is not taken for a running one.
_children: dict[str, subprocess.Popen[bytes]] = {}


def reproduce(home: Path, name: str) -> None:
    """Start `nb2prod reproduce` on a release, detached from this process; nothing where one is at it already.

    Raises:
        RunUnknown: There is no such release.
    """
    release.read(home, name)
    folder = _again(home, name)
    now = reproduction(home, name)
    if now is not None and now["state"] == "running":
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "nb2prod", "reproduce", name, "--folder", str(home.parent), "--format", "json"]
    with (folder / "result.json").open("wb") as out, (folder / "log.txt").open("wb") as log:
        process = _detached(command, out, log, home.parent)
    journal.write_whole(folder / "job.json", json.dumps({"verb": "reproduce", "release": name, **_known(process)}))
    _children[name] = process


def reproduction(home: Path, name: str) -> dict[str, Any] | None:
    """Return how making a release again stands: its state, its step, and its result; None if nobody asked."""
    folder = _again(home, name)
    try:
        request = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    child = _children.get(name)
    runs = _is_ours(request["pid"], request["began"]) if child is None else child.poll() is None
    if runs:
        return {"state": "running", "step": _step(folder / "log.txt"), "result": None}
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except json.JSONDecodeError:  # it was killed before its last word
        result = None
    return {"state": "lost" if result is None else "done", "step": "", "result": result}


def _step(log: Path) -> str:
    """Return what a process is at by its own account: a line is a sign, a step and a state."""
    said = [line.split() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((words[1] for words in reversed(said) if len(words) > 1), "")


def _again(home: Path, name: str) -> Path:
    return home / "reproductions" / release.folder_of(home, name).name


def _detached(command: list[str], out: IO[bytes], log: IO[bytes], folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one."""
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, start_new_session=True, cwd=folder
    )


def _known(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return by what a process is found again, also when its id has gone to another one."""
    return {"pid": process.pid, "began": psutil.Process(process.pid).create_time(), "started": time.time()}


def events(home: Path, run: str, after: int = 0) -> list[dict[str, Any]]:
    """Return the events of a run whose `seq` is greater than `after`."""
    return journal.read(home, run, after)


def state(home: Path, run: str) -> State:
    """Say what became of a run; `lost` is one whose process ended without a word."""
    written = journal.read(home, run)
    if written and written[-1]["event"] == "end":
        return _ended(written[-1])
    if _alive(home, run, written):
        return "running"
    # The process may have written its last event and ended between the two looks.
    written = journal.read(home, run)
    if written and written[-1]["event"] == "end":
        return _ended(written[-1])
    return "cancelled" if _asked(home, run).exists() else "lost"


def _ended(end: dict[str, Any]) -> State:
    if end["ok"]:
        return "done"
    error = end["result"].get("error") or {}
    return "cancelled" if error.get("code") == "NB207" else "failed"


def cancel(home: Path, run: str) -> None:
    """Ask a run to stop; what its stages have done so far is kept."""
    if state(home, run) == "running":
        pid = _pid(home, run, journal.read(home, run))
        _asked(home, run).touch()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _asked(home: Path, run: str) -> Path:
    """Return the file that is there once a run was asked to stop: one that had only begun says nothing itself."""
    return journal.folder_of(home, run) / "cancelled"


def history(home: Path, notebook: Path | None = None) -> list[dict[str, Any]]:
    """Return the runs, of one notebook or all, newest first, a summary each."""
    found = [_summary(home, run) for run in journal.runs(home)]
    if notebook is None:
        return found
    here = (journal.below(home, notebook), notebook.name)
    return [summary for summary in found if (summary["path"] or here[0], summary["notebook"]) == here]


def _summary(home: Path, run: str) -> dict[str, Any]:
    written = journal.read(home, run)
    request = _request(home, run)
    start = written[0] if written else {"verb": request.get("verb"), "notebook": request.get("notebook")}
    began = run_name.began(run)
    end = written[-1] if written and written[-1]["event"] == "end" else None
    return {
        "run": run,
        "verb": start.get("verb"),
        "notebook": start.get("notebook"),
        "path": start.get("path") or request.get("path"),
        "state": state(home, run),
        "started": began,
        "seconds": round(max(0.0, (end["at"] if end else time.time()) - began), 3),
        "ok": end["ok"] if end else None,
        "release": end["result"].get("release") if end else None,
    }


def _request(home: Path, run: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((journal.folder_of(home, run) / "job.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}  # started from a terminal
    return found


def _pid(home: Path, run: str, written: list[dict[str, Any]]) -> int:
    pid = written[0]["pid"] if written else _request(home, run).get("pid")
    if pid is None:
        raise RunUnknown(run)
    return int(pid)


def _alive(home: Path, run: str, written: list[dict[str, Any]]) -> bool:
    child = _children.get(run)
    if child is not None:
        return child.poll() is None
    try:
        pid = _pid(home, run, written)
    except RunUnknown:
        began = journal.folder_of(home, run).stat().st_mtime
        return time.time() - began < _GRACE
    return _is_ours(pid, (written[0] if written else _request(home, run)).get("began"))


def _is_ours(pid: int, began: float | None) -> bool:
    """Tell a run's process from one that ended, and from another that got its id later."""
    try:
        process = psutil.Process(pid)
        same = began is None or abs(process.create_time() - began) < _SAME
        return same and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True

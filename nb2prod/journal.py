"""Journal: the events of a run on disk, one a line; the truth of its progress, also after a crash."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nb2prod import events
from nb2prod.errors.base import HomeUnusable, RunUnknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nb2prod.events import Event

_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")


def folder_of(home: Path, run: str) -> Path:
    """Return the folder of a run, which need not exist.

    Raises:
        RunUnknown: `run` is no name of a run, and so no path either.
    """
    if not _RUN.fullmatch(run):
        raise RunUnknown(run)
    return home / "runs" / run


def make_home(home: Path) -> None:
    """Make the folder of records, hidden from git, in a folder that is there.

    Raises:
        HomeUnusable: It cannot be made or written.
    """
    try:
        home.mkdir(exist_ok=True)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as wrong:
        raise HomeUnusable(str(home), wrong.strerror or str(wrong)) from wrong


def make_folder(home: Path, run: str) -> Path:
    """Make the folder of a run, and what is above it.

    Raises:
        HomeUnusable: It cannot be made or written.
    """
    make_home(home)
    folder = folder_of(home, run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "events.jsonl").touch()
    except OSError as wrong:
        raise HomeUnusable(str(folder), wrong.strerror or str(wrong)) from wrong
    return folder


class Journal:
    """Appends events to a run's file; each line is there as soon as the call returns."""

    def __init__(self, home: Path, run: str) -> None:
        self.folder = make_folder(home, run)
        self._seq = 0

    def __call__(self, event: Event) -> None:
        """Append one event."""
        self._seq += 1
        path, line = self.folder / "events.jsonl", events.line(event, seq=self._seq, at=time.time())
        size = None
        try:
            with path.open("a", encoding="utf-8") as file:
                size = file.tell()
                file.write(line)
        except OSError as wrong:
            if size is not None:
                os.truncate(path, size)  # where the disk is full, half a line would spoil the next one
            raise HomeUnusable(str(self.folder), wrong.strerror or str(wrong)) from wrong


def read(home: Path, run: str, after: int = 0) -> list[dict[str, Any]]:
    """Return a run's events whose `seq` is greater than `after`; none when it has not begun.

    Raises:
        RunUnknown: There is no such run.
    """
    folder = folder_of(home, run)
    if not folder.is_dir():
        raise RunUnknown(run)
    try:
        text = (folder / "events.jsonl").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    # A last line without its newline is still being written.
    whole = text[: text.rfind("\n") + 1]
    return [event for event in map(json.loads, whole.splitlines()) if event["seq"] > after]


def write_result(home: Path, run: str, result: dict[str, Any]) -> None:
    """Write a run's result beside its events, whole or not at all."""
    write_whole(folder_of(home, run) / "run.json", json.dumps(result, indent=1))


def result(home: Path, run: str) -> dict[str, Any] | None:
    """Return what `write_result` wrote, or None while the run goes on or when it was killed."""
    try:
        found: dict[str, Any] = json.loads((folder_of(home, run) / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def remember(home: Path, notebook: Path, keys: Mapping[str, str], run: str = "") -> None:
    """Keep what ran last of a notebook: stage → key, and the run that first came to that key."""
    path = memory(home, notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = remembered(home, notebook)
    since = {stage: run for stage, key in keys.items() if known.get(stage) != key}
    write_whole(path, json.dumps({"keys": {**known, **keys}, "runs": {**ran(home, notebook), **since}}))


def remembered(home: Path, notebook: Path) -> dict[str, str]:
    """Return the keys of what ran last of a notebook, so that «why does it run again» has an answer."""
    return _recalled(home, notebook).get("keys", {})


def ran(home: Path, notebook: Path) -> dict[str, str]:
    """Return for each stage of a notebook the run that came to what is remembered of it."""
    return _recalled(home, notebook).get("runs", {})


def _recalled(home: Path, notebook: Path) -> dict[str, dict[str, str]]:
    try:
        found: dict[str, dict[str, str]] = json.loads(memory(home, notebook).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def below(home: Path, notebook: Path) -> str:
    """Return a notebook's path below its project: two notebooks of one project may have the same name."""
    whole, project = notebook.resolve(), home.resolve().parent
    return whole.relative_to(project if whole.is_relative_to(project) else whole.anchor).as_posix()


def memory(home: Path, notebook: Path) -> Path:
    """Return the file that says what ran last of a notebook."""
    return home / "last" / f"{below(home, notebook)}.json"


def runs(home: Path) -> list[str]:
    """Return the names of the runs, newest first."""
    if not (home / "runs").is_dir():
        return []
    return sorted((p.name for p in (home / "runs").iterdir() if _RUN.fullmatch(p.name)), reverse=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that readers see the old or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise

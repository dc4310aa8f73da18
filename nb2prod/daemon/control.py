"""Control: the daemon as a user has it: started for some notebooks, looked at, and stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nb2prod import document, notebook, settings
from nb2prod.daemon import client
from nb2prod.dataflow import preload
from nb2prod.errors.runs import WarmFailed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def start(notebooks: Iterable[Path], *, idle: float) -> dict[str, Any]:
    """Start a daemon that has imported what notebooks import; runs of this environment use it until it ends.

    Args:
        notebooks: Their files.
        idle: Seconds without a run after which it ends.

    Raises:
        WarmFailed: It did not start.
    """
    found: dict[str, None] = {}
    for path in notebooks:
        book = notebook.parse(document.read(path), path.name)
        cells = [cell for cell in book.cells if cell.kind == "code"]
        found.update(dict.fromkeys(preload.modules(cells, settings.read(path).preload)))
    said = client.start(tuple(found), idle)
    if said:
        raise WarmFailed(said)
    return status()


def stop() -> bool:
    """End the daemon, and say whether there was one."""
    return client.stop()


def status() -> dict[str, Any]:
    """Return what the daemon says of itself."""
    said = client.status()
    if said is None:
        return {"state": "stopped"}
    numbers = {name: float(said[name][0]) for name in ("pid", "began", "served", "running", "idle")}
    whole = {name: int(numbers[name]) for name in ("pid", "served", "running")}
    return {"state": "running", **numbers, **whole, "libraries": said["libraries"]}

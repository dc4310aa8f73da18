"""Relay: a run of a document that another process has open, carried out by the daemon and told line by line.

`papermill --engine nb2prod` has the document, with its parameters in it, and keeps it: only what happens is sent back.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import select
import signal
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from attrs import asdict, define, field

from nb2prod.daemon import client
from nb2prod.events import Event
from nb2prod.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nb2prod.document import Document
    from nb2prod.errors.base import Nb2ProdError
    from nb2prod.events import Listener


_MOMENT = 0.5  # seconds in which nothing happens


def carried_out(  # noqa: PLR0913 - all but the last two are what a run is of
    raw: Document, path: Path, name: str, chosen: Settings, listen: Listener, idle: Callable[[], None]
) -> tuple[Nb2ProdError | None] | None:
    """Have a document run by the daemon, filled with outputs as they come; its record is written there, too.

    Args:
        raw: The document.
        path: Where it lives.
        name: Of the run.
        chosen: Its settings.
        listen: Told of each event.
        idle: Called when nothing has happened for a moment.

    Returns:
        What stopped the run, if anything did, in a tuple; None when there is no daemon that may do it.
    """
    if not client.is_wanted():
        return None
    with os.fdopen(os.memfd_create("nb2prod"), "w+b") as order:
        order.write(json.dumps(_order(raw, path, name, chosen)).encode("utf-8", "surrogatepass"))
        order.flush()
        order.seek(0)
        ours, its = os.pipe()
        handed = client.hand_over(["nb2prod", "document"], (order.fileno(), its, 2))
        os.close(its)
    try:
        if handed is None:
            return None
        lines = _Lines(ours, idle)
        try:
            return _followed(lines, raw, listen)
        except KeyboardInterrupt:
            handed.signal(signal.SIGINT)
            _followed(lines, raw, listen)
            raise
        finally:
            handed.wait()
    finally:
        os.close(ours)


def _order(raw: Document, path: Path, name: str, chosen: Settings) -> dict[str, Any]:
    settings = asdict(chosen) | {"home": str(chosen.home)}
    return {"document": raw, "path": str(path.resolve()), "run": name, "settings": settings}


@define
class _Lines:
    """Lines as they come through a pipe; it goes on after an interrupt."""

    pipe: int
    idle: Callable[[], None]
    ready: deque[bytes] = field(factory=deque)
    pieces: list[bytes] = field(factory=list)  # of a line that has not ended

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> bytes:
        while not self.ready:
            if not select.select([self.pipe], [], [], _MOMENT)[0]:
                self.idle()
            data = os.read(self.pipe, 1 << 16)
            if not data:
                raise StopIteration
            self.pieces.append(data)
            if b"\n" in data:
                *lines, rest = b"".join(self.pieces).split(b"\n")
                self.ready.extend(lines)
                self.pieces = [rest]
        return self.ready.popleft()


def _followed(lines: Iterable[bytes], raw: Document, listen: Listener) -> tuple[Nb2ProdError | None]:
    for line in lines:
        told = json.loads(line)
        for index, outputs, count in told.get("cells", ()):
            raw["cells"][index]["outputs"], raw["cells"][index]["execution_count"] = outputs, count
        if "event" in told:
            listen(Event(kind=told["event"], data=told["data"]))
        if "error" in told:
            return (told["error"] and pickle.loads(base64.b64decode(told["error"])),)  # noqa: S301 - our own process's
    raise RuntimeError("The warm process ended before the run did; NB2PROD_WARM=0 does without it.")


def serve(orders: IO[str], lines: IO[str]) -> None:
    """Run the document that another process has open; what it reads is what `carried_out` wrote."""
    from nb2prod import run, schema

    order = json.loads(orders.read())
    raw, path, settings = order["document"], Path(order["path"]), order["settings"]
    chosen = Settings(**{**settings, "home": Path(settings["home"]), "preload": tuple(settings["preload"])})
    sent: set[int] = set()

    def tell(event: Event) -> None:
        done = [event.data["cell"]] if event.kind == "cell" and event.data["state"] != "running" else []
        sent.update(done)
        told = {"event": event.kind, "data": dict(event.data), "cells": list(_cells(raw, done))}
        lines.write(json.dumps(told) + "\n")
        lines.flush()

    options = run.Options(run=order["run"], folder=Path.cwd())
    book = run.journaled(chosen.home, options.run, tell)
    report = run.of_document(raw, path, options, chosen, book)
    # Those of stages that were reused.
    rest = [index for index, cell in enumerate(raw["cells"]) if cell["cell_type"] == "code" and index not in sent]
    run.finish(chosen.home, schema.report(report), book)
    error = base64.b64encode(pickle.dumps(report.error)).decode() if report.error else None
    lines.write(json.dumps({"cells": list(_cells(raw, rest)), "error": error}) + "\n")
    lines.flush()


def _cells(raw: Document, indices: list[int]) -> Iterator[tuple[int, Any, Any]]:
    for index in indices:
        cell = raw["cells"][index]
        yield index, cell["outputs"], cell["execution_count"]

"""ForkRunner: each stage in a fork of one process that has imported the notebook's libraries ahead."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from attrs import asdict, define, field

from nb2prod.errors.runs import KernelDied, KernelMissing, RunCancelled, StageTimedOut
from nb2prod.runners import launch, verdict
from nb2prod.runners.base import CellResult
from nb2prod.runners.transcript import Outputs
from nb2prod.runners.verdict import Raised
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nb2prod.errors.base import RunError, StoreError
    from nb2prod.notebook import Cell
    from nb2prod.runners.base import Task

# How a stage is asked to end, whether with all that it has started, and how many seconds it gets for it.
_WAYS = ((signal.SIGINT, False, 2.0), (signal.SIGTERM, True, 1.0), (signal.SIGKILL, True, 5.0))
_GRACE = 3.0  # seconds a stage gets to end by itself when it is done
_LAST_WORDS = 4000  # bytes


@define
class ForkRunner:
    """Forks stages from a fork server, which is started when the first one runs."""

    preload: tuple[str, ...] = ()
    server: launch.ServerProcess | None = None
    closed: bool = False
    lock: Any = field(factory=threading.Lock)
    numbers: Iterator[int] = field(factory=itertools.count)

    def open(self, preload: Sequence[str]) -> None:
        """Remember what to import; a process that is warm is forked now, before it has threads."""
        self.preload, self.closed = tuple(preload), False
        if launch.ready():
            self.server = launch.fork(self.preload)

    def close(self) -> None:
        """End the fork server, which ends the stages."""
        with self.lock:
            self.closed = True
            server, self.server = self.server, None
        if server is not None:
            server.end()

    def run(self, task: Task) -> RunError | StoreError | None:
        """Run the cells in a fork."""
        task.job_file.write_text(json.dumps(asdict(task.job)), encoding="utf-8")
        with ExitStack() as stack:
            streams = [stack.enter_context(_nameless(task.job_file.parent)) for _ in range(2)]
            ours, its = socket.socketpair()
            stack.enter_context(ours)
            with its:
                number = self._order(task, [its.fileno(), *streams])
            if number is None:
                return RunCancelled(verdict.place(task, None))
            talk = _Talk(task=task, link=ours, errors=streams[1], signal=lambda s, g: self._signal(number, s, group=g))
            with contextlib.suppress(OSError):  # it has ended: that is noticed below
                ours.sendall(json.dumps(_told(task)).encode() + b"\n")
            error = talk.run()
        if talk.unfit:
            from nb2prod.runners.kernel import KernelRunner

            return KernelRunner().run(task)
        if talk.cut_off and self.closed:
            return RunCancelled(talk.place)
        return self._not_born(task) if talk.cut_off and not talk.born else error

    def _order(self, task: Task, files: list[int]) -> int | None:
        """Order a stage; returns its number, or None when the runner is closed."""
        with self.lock:
            if self.closed:
                return None
            if self.server is None:
                self.server = launch.start(self.preload)
            number = next(self.numbers)
            order = {"run": number, "memory": task.memory, "cpus": task.cpus}
            with contextlib.suppress(OSError):  # it has ended: that is noticed later
                socket.send_fds(self.server.control, [json.dumps(order).encode()], files)
        return number

    def _signal(self, number: int, which: int, *, group: bool) -> None:
        with self.lock, contextlib.suppress(OSError):
            if self.server is not None:
                order = {"signal": number, "number": which, "group": group}
                self.server.control.send(json.dumps(order).encode())

    def _not_born(self, task: Task) -> KernelMissing:
        """Say why there is no process for a stage."""
        with self.lock:
            said = "" if self.server is None else self.server.said()
        reason = f"the process that forks stages has ended: {said.splitlines()[-1]}" if said else "it has ended"
        return KernelMissing(task.kernel, reason)


def _told(task: Task) -> dict[str, Any]:
    """Return what a stage's process is told of its task."""
    cells = [
        {"source": untagged(cell.source), "tags": cell.tags, "history": cell.index >= 0, "index": cell.index}
        for cell in task.cells
    ]
    return {
        "folder": str(task.folder),
        "job": str(task.job_file),
        "overflow": str(task.overflow),
        "cpus": task.cpus,
        "gpus": task.gpus,
        "cells": cells,
    }


@contextmanager
def _nameless(folder: Path) -> Iterator[int]:
    """Open a file that is gone when nobody has it open any more, however the processes end."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
    try:
        file = os.open(folder, flags | os.O_TMPFILE, 0o600)
    except OSError:  # not every file system has such files
        file, name = tempfile.mkstemp(dir=folder)
        os.close(file)
        file = os.open(name, flags)
        os.unlink(name)  # noqa: PTH108
    try:
        yield file
    finally:
        os.close(file)


@define(kw_only=True)
class _Talk:
    """What a stage's process tells, until it has ended."""

    task: Task
    link: socket.socket
    errors: int  # the file descriptor that its `stderr` is
    signal: Any
    pieces: list[bytes] = field(factory=list)  # of a line that has not ended
    pages: dict[int, Outputs] = field(factory=dict)
    cell: int | None = None  # the one that runs
    began: float = field(factory=time.monotonic)
    cell_began: float = 0.0
    ended: float = 0.0  # when it was done
    error: RunError | StoreError | None = None
    done: bool = False  # or failed: there is no more to come but its end
    exit: dict[str, Any] | None = None
    born: bool = False
    unfit: bool = False
    cut_off: bool = False

    @property
    def place(self) -> Any:
        """Where it is."""
        return verdict.place(self.task, None if self.cell is None else self.task.cells[self.cell])

    def run(self) -> RunError | StoreError | None:
        """Listen to the end; return why the stage did not finish."""
        try:
            self._listen()
        except BaseException:
            self._end()
            raise
        if self.exit is None:
            self.cut_off = not self.done
            return self.error if self.done else KernelDied(self.place, None)
        return self.error

    def _listen(self) -> None:
        while self.exit is None and not self.cut_off:
            due = self._due()
            if due is not None and due[0] <= time.monotonic():
                self.error = self.error or due[1]
                self._end()
                return
            self._take(None if due is None else due[0])
        if self.exit is not None and not self.done:
            self._died()

    def _due(self) -> tuple[float, RunError | None] | None:
        """Return until when it may go on, and what is wrong when it does not end till then."""
        if self.done:
            return self.ended + _GRACE, None
        found: list[tuple[float, float, Literal["cell", "stage"]]] = []
        if self.task.stage_timeout is not None:
            found.append((self.began + self.task.stage_timeout, self.task.stage_timeout, "stage"))
        if self.task.timeout is not None and self.cell is not None:
            found.append((self.cell_began + self.task.timeout, self.task.timeout, "cell"))
        if not found:
            return None
        when, seconds, what = min(found)
        return when, StageTimedOut(self.place, seconds, what)

    def _take(self, until: float | None) -> None:
        """Take what comes, and wait for it no longer than said."""
        self.link.settimeout(None if until is None else max(0.001, until - time.monotonic()))
        try:
            data = self.link.recv(1 << 16)
        except TimeoutError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.cut_off = True
            return
        self.pieces.append(data)
        if b"\n" in data:
            *lines, rest = b"".join(self.pieces).split(b"\n")
            self.pieces = [rest]
            for line in lines:
                self._event(json.loads(line))

    def _event(self, event: dict[str, Any]) -> None:
        if "place" in event or "clear" in event:
            self.pages.setdefault(event["cell"], Outputs()).apply(event)
        elif "start" in event:
            self.cell, self.cell_began = event["start"], time.monotonic()
            self.task.started(self.task.cells[self.cell])
        elif "end" in event:
            self._finish(event)
        elif "own" in event:
            self._over(verdict.of_ours(_raised(event["own"]), self.task))
        elif "done" in event:
            self._over(None)
        elif "unfit" in event:
            self.unfit = True
            self._over(None)
        elif "exit" in event:
            self.exit = event
        elif "pid" in event:
            self.born = True

    def _finish(self, event: dict[str, Any]) -> None:
        cell = self.task.cells[event["end"]]
        error = None
        if event["raised"] is not None:
            error = verdict.of_cell(_raised(event["raised"]), self.task, cell)
        self.cell = None
        self._tell(cell, event["end"], ok=error is None and self.error is None)
        if error is not None:
            self._over(error)
        if event["raised"] is not None:  # it waits to hear whether to go on
            with contextlib.suppress(OSError):
                self.link.sendall(b"stop\n" if self.error is not None else b"next\n")

    def _over(self, error: RunError | StoreError | None) -> None:
        self.done, self.ended = True, time.monotonic()
        self.error = self.error or error

    def _tell(self, cell: Cell, position: int, *, ok: bool) -> None:
        outputs = self.pages.setdefault(position, Outputs()).list()
        self.task.finished(CellResult(cell=cell, outputs=outputs, ok=ok))

    def _died(self) -> None:
        """Say how it ended, when it did before its time."""
        assert self.exit is not None
        size = os.fstat(self.errors).st_size
        said = os.pread(self.errors, _LAST_WORDS, max(0, size - _LAST_WORDS)).decode("utf-8", "replace")
        died = KernelDied(self.place, self.exit["exit"], self.exit["peak"], self.exit["over"] or None, said)
        self.error = self.error or died
        if self.cell is not None:
            self._tell(self.task.cells[self.cell], self.cell, ok=False)

    def _end(self) -> None:
        """End it, more and more firmly."""
        for which, group, seconds in _WAYS:
            if self.exit is not None or self.cut_off:
                break
            self.signal(which, group)
            until = time.monotonic() + seconds
            while self.exit is None and not self.cut_off and time.monotonic() < until:
                self._take(until)
        if self.exit is not None and not self.done:
            self._died()


def _raised(event: dict[str, Any]) -> Raised:
    return Raised(name=event["ename"], value=event["evalue"], traceback="\n".join(event["traceback"]))

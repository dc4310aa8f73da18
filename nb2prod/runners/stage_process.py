"""Stage process: what a stage's own process does, from its birth as a fork to its end."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import faulthandler
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import define
from jupyter_client.jsonutil import json_clean, json_default

from nb2prod.runners import limits
from nb2prod.runners.base import call
from nb2prod.runners.capture import Capture, Descriptor
from nb2prod.runners.shell import Nobody
from nb2prod.runners.transcript import Transcript
from nb2prod.runners.truncation import Spill
from nb2prod.runners.widgets import Widgets
from nb2prod.worker import kernel as worker

if TYPE_CHECKING:
    from nb2prod.runners.shell import Kernel, Message
    from nb2prod.runners.warmup import Warm

_PR_SET_PDEATHSIG = 1


@define
class Link:
    """The way to the process that waits for the stage: a line of JSON for each event."""

    socket: socket.socket

    def send(self, event: dict[str, Any]) -> None:
        """Send an event."""
        try:
            text = json.dumps(event, default=json_default, allow_nan=False)
        except (TypeError, ValueError):
            text = json.dumps(json_clean(event), default=json_default)
        try:
            self.socket.sendall(text.encode() + b"\n")
        except BrokenPipeError:
            os._exit(1)  # nobody waits any more

    def receive(self) -> bytes:
        """Receive a line."""
        pieces: list[bytes] = []
        while not (pieces and pieces[-1].endswith(b"\n")):
            pieces.append(self.socket.recv(1 << 16))
            if not pieces[-1]:
                os._exit(1)  # nobody waits any more
        return b"".join(pieces)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process (see the manual of the function of this name in C)."""
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def live(warm: Warm, link: Link, streams: tuple[int, int], cores: list[int], parent: int) -> int:
    """Run a stage in this process, which was just forked; return its exit code.

    Args:
        warm: What was made ahead.
        link: Where the task comes from, and what becomes of it goes.
        streams: File descriptors of the files that stand for `stdout` and `stderr`.
        cores: Those it may use, when it may not use all.
        parent: The process that forked this one; this one ends with it.
    """
    os.setsid()
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return 1
    task = json.loads(link.receive())
    null = os.open(os.devnull, os.O_RDWR)
    for number, file in enumerate((null, *streams)):
        os.dup2(file, number)
    faulthandler.enable(file=2)
    gc.enable()
    os.environ["JPY_PARENT_PID"] = str(parent)
    os.chdir(task["folder"])
    if _hides(warm.cache.roots):
        # The notebook's own module of this name comes first.
        link.send({"unfit": True})
        return 0
    sys.argv = [str(Path(sys.modules["ipykernel"].__file__ or "").parent.parent / "ipykernel_launcher.py"), *warm.argv]
    limits.apply(task, cores)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_Stage(warm.kernel, link, task).run())
    warm.kernel.session.audience = Nobody()
    warm.kernel.end()
    atexit._run_exitfuncs()
    return 0


def _hides(packages: set[str]) -> bool:
    """Tell whether the working directory has a module of the name of one of these."""
    with os.scandir() as entries:
        names = {entry.name for entry in entries}
    files = {root for root in packages if f"{root}.py" in names}
    return bool(files) or any(Path(root, "__init__.py").is_file() for root in packages & names)


# `quit` ends a kernel in good order, once the cell is done.
_QUIT = {"ename": "SystemExit", "evalue": "0", "traceback": []}


@define
class _Stage:
    kernel: Kernel
    link: Link
    task: dict[str, Any]

    async def run(self) -> None:
        """Run all cells, or up to the first that fails."""
        descriptors = (Descriptor(name="stdout", number=1), Descriptor(name="stderr", number=2))
        transcript = Transcript(tell=self.link.send, spill=Spill(path=Path(self.task["overflow"])))
        widgets = Widgets(self.kernel.session)
        capture = Capture(transcript=transcript, descriptors=descriptors, widgets=widgets)
        self.kernel.begin(capture)
        os.register_at_fork(after_in_child=self._forked)
        job, cells = self.task["job"], self.task["cells"]
        if self._own("enter", job):
            return
        for position, cell in enumerate(cells):
            self.link.send({"start": position})
            capture.begin(position, cell["index"])
            raised = None
            if "skip-execution" not in cell["tags"]:
                raised = await self._execute(cell["source"], capture, history=cell["history"])
            if "raises-exception" in cell["tags"]:
                raised = None
            capture.end()
            while widgets.queue:
                await self.kernel.handle(widgets.queue.popleft())
            self.link.send({"end": position, "raised": raised})
            if raised is not None and self.link.receive() != b"next\n":
                return
        if not self._own("leave", job):
            self.link.send({"done": True})

    def _own(self, verb: Literal["enter", "leave"], job: str) -> bool:
        """Do what is ours, of which nothing is shown; tell whether it failed."""
        raised = self.kernel.carry_out(getattr(worker, verb), job, call(verb, job)) or self._quit()
        if raised is not None:
            self.link.send({"own": raised})
        return raised is not None

    async def _execute(self, code: str, capture: Capture, *, history: bool) -> Message | None:
        """Run code; return what it raised."""
        request = self.kernel.request(code, history=history)
        capture.request = request["header"]["msg_id"]
        reply = await self.kernel.handle(request)
        if reply["status"] == "ok":
            return self._quit()
        return {name: reply[name] for name in ("ename", "evalue", "traceback")}

    def _quit(self) -> Message | None:
        return _QUIT if self.kernel.kernel.shell.exit_now else None

    def _forked(self) -> None:
        """Be silent on the link: this is a process that the user's code has forked."""
        self.kernel.session.audience = Nobody()
        self.link.socket.close()

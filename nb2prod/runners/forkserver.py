"""Fork server: the process that has imported a notebook's libraries once, and forks one process for each of its stages.

It talks with the process that runs the notebook through a socket. When that closes, for whatever reason, it kills every
stage with all that the stage has started, and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Any

from attrs import define, field

from nb2prod.runners import limits, program, stage_process, warmup
from nb2prod.runners.datastack import in_one_piece
from nb2prod.runners.warmup import Unfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nb2prod.runners.warmup import Warm

_PR_SET_CHILD_SUBREAPER = 36
_SOON = 1.0  # seconds in which what was killed is gone, if the system is not in trouble


@define(kw_only=True)
class _Stage:
    number: int
    pid: int
    handle: int  # pidfd
    link: socket.socket
    memory: int | None = None
    cores: list[int] = field(factory=list)
    over: int = 0  # bytes, when it was killed for taking more than it may


@define
class ForkServer:
    """Forks stages and sees to their end."""

    control: socket.socket
    warm: Warm
    stages: dict[int, _Stage] = field(factory=dict)
    selector: Any = field(factory=selectors.DefaultSelector)

    def serve(self) -> int:
        """Do what the control socket says, until it is closed; return the code to exit with, also in a child."""
        self.selector.register(self.control, selectors.EVENT_READ)
        while True:
            watched = any(stage.memory for stage in self.stages.values())
            for key, _ in self.selector.select(limits.OFTEN if watched else None):
                if key.data is not None:
                    self._ended(key.data)
                    continue
                data, files, *_ = socket.recv_fds(self.control, 1 << 16, 3)
                if not data:
                    return 0
                status = self._do(json.loads(data), files)
                if status is not None:
                    return status
            for stage in self.stages.values():
                self._watch(stage)

    def _do(self, order: dict[str, Any], files: list[int]) -> int | None:
        if "run" in order:
            return self._fork(order, files)
        stage = self.stages.get(order["signal"])
        if stage is not None:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if order["group"] else os.kill)(stage.pid, order["number"])
        return None

    def _fork(self, order: dict[str, Any], files: list[int]) -> int | None:
        """Fork a stage; returns its exit code, and only in its process."""
        link = socket.socket(fileno=files[0])
        taken = [core for stage in self.stages.values() for core in stage.cores]
        cores = limits.choose(order["cpus"], taken) if order["cpus"] is not None else []
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: those of numeric libraries survive it
            pid = os.fork()
        if pid == 0:
            self.selector.close()
            self.control.close()
            for stage in self.stages.values():
                stage.link.close()
                os.close(stage.handle)
            return stage_process.live(self.warm, stage_process.Link(link), (files[1], files[2]), cores, parent)
        for file in files[1:]:
            os.close(file)
        stage = _Stage(
            number=order["run"], pid=pid, handle=os.pidfd_open(pid), link=link, memory=order["memory"], cores=cores
        )
        self.stages[stage.number] = stage
        self.selector.register(stage.handle, selectors.EVENT_READ, stage)
        self._tell(stage, {"pid": pid})
        return None

    def _watch(self, stage: _Stage) -> None:
        if stage.memory and not stage.over:
            taken = limits.memory(stage.pid)
            if taken > stage.memory:
                stage.over = taken
                _kill(stage.pid)

    def _ended(self, stage: _Stage) -> None:
        """Kill what a stage has left running, and say how it ended."""
        self.selector.unregister(stage.handle)
        os.close(stage.handle)
        del self.stages[stage.number]
        _kill(stage.pid)
        _, status, used = os.wait4(stage.pid, 0)
        _bury(stage.pid)
        # Kilobytes on Linux.
        about = {"exit": os.waitstatus_to_exitcode(status), "peak": used.ru_maxrss * 1024, "over": stage.over}
        self._tell(stage, about)
        stage.link.close()

    def _tell(self, stage: _Stage, event: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            stage.link.sendall(json.dumps(event).encode() + b"\n")

    def end(self) -> None:
        """Kill all stages and what they have started, also what has left its stage's group since."""
        for stage in self.stages.values():
            _kill(stage.pid)
        for _ in range(100):
            children = warmup.children()
            if not children:
                return
            for pid in children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            # What they leave comes to this process, which is then its parent.
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.01)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _bury(group: int) -> None:
    """Wait until what was killed is gone; as orphans, they are children of this process now."""
    until = time.monotonic() + _SOON
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            if not os.waitpid(-group, os.WNOHANG)[0]:
                time.sleep(0.001)


def main() -> None:
    """Be a fork server: the control socket's number and the modules to import ahead are the arguments."""
    be(socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2]))


def be(control: socket.socket, names: Sequence[str]) -> None:
    """Be a fork server in this process, which has no other work; never returns.

    Args:
        control: Closed by the process that runs the notebook when it needs no more.
        names: Modules to import ahead.
    """
    in_one_piece(lambda: _be(control, names))


def _be(control: socket.socket, names: Sequence[str]) -> None:
    status = 1
    try:
        found = _warmed(control, names)
        control.set_inheritable(False)
        stage_process.prctl(_PR_SET_CHILD_SUBREAPER, 1)
        found.state.apply()
        server, own = ForkServer(control, found), os.getpid()
        try:
            status = server.serve()
        finally:
            if os.getpid() == own:
                server.end()
    except BaseException:  # noqa: BLE001 - in a stage's process too
        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(status)


def _warmed(control: socket.socket, names: Sequence[str]) -> Warm:
    try:
        return warmup.warm(names)
    except Unfit as wrong:
        # Begin again, as a new program, without the libraries that turn out not to be fit.
        os.write(2, f"not imported ahead: {', '.join(wrong.names)}: {wrong.reason}\n".encode())
        control.set_inheritable(True)
        left = [name for name in names if name.partition(".")[0] not in wrong.names]
        os.execv(sys.executable, program.command(control.fileno(), left))  # noqa: S606

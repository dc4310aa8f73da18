"""Launch: how a fork server comes into being: as a new program, or as a fork where one is ready in this process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import warnings
from typing import TYPE_CHECKING

from attrs import define

from nb2prod.runners import early_fork
from nb2prod.runners.program import command, environment

if TYPE_CHECKING:
    from collections.abc import Sequence

# Seconds that a fork server may take to kill what still runs; a machine may be busy, and nobody else would kill it.
_PATIENCE = 60.0
_SAID = 4000  # bytes of a log that count


@define
class ServerProcess:
    """A fork server as its owner sees it."""

    control: socket.socket
    pid: int
    log: int  # the file of what it has to say, which is gone when nobody has it open

    def end(self) -> None:
        """End it, and all stages with it."""
        self.control.close()
        until = time.monotonic() + _PATIENCE
        with contextlib.suppress(ChildProcessError):
            while not os.waitpid(self.pid, os.WNOHANG)[0]:
                if time.monotonic() > until:
                    os.kill(self.pid, signal.SIGKILL)
                time.sleep(0.002)
        os.close(self.log)

    def said(self) -> str:
        """Return the end of what it has said."""
        size = os.fstat(self.log).st_size
        return os.pread(self.log, _SAID, max(0, size - _SAID)).decode("utf-8", "replace").strip()


def ready() -> bool:
    """Tell whether this process has in it what a fork server needs, so that it can be forked."""
    module = sys.modules.get("nb2prod.runners.warmup")
    return module is not None and bool(module.fits(environment()))


def fork(names: Sequence[str]) -> ServerProcess:
    """Fork a fork server from this process, which is `ready` and has no threads."""
    from nb2prod.runners import forkserver

    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = os.memfd_create("nb2prod")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: those of numeric libraries survive it
        pid = os.fork()
    if pid == 0:
        ours.close()
        os.environ.update(environment())
        os.setsid()
        forkserver.be(its, names)
    its.close()
    return ServerProcess(ours, pid, log)


def start(names: Sequence[str]) -> ServerProcess:
    """Start a fork server, as a new program unless this command has an early fork for it."""
    log = os.memfd_create("nb2prod")
    found = early_fork.taken()
    if found is not None:
        with contextlib.suppress(OSError):  # it has ended: that is noticed later
            found.begin(names, environment(), log)
        return ServerProcess(found.control, found.pid, log)
    import subprocess  # on use: most commands have an early fork

    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            command(its.fileno(), names),
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            cwd="/",
            start_new_session=True,
        )
    # Nobody else waits for it; Popen would warn that it is still running.
    process.returncode = 0
    return ServerProcess(ours, process.pid, log)

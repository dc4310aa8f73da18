"""Early fork: a copy of a command made before it does anything else, its fork server once a stage must run.

What both need of Python and of this package is imported once, and what only one of them needs comes after the fork.
"""

from __future__ import annotations

import os
import sys

# The rest is imported on use: most processes that come here begin again.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

VERBS = frozenset({"run", "ship", "verify"})  # those that run stages
_AGAIN = "nb2prod"  # an option of Python (`-X`) by which a process knows that it has begun again; see `__main__`
# Options that make no difference to stages.
_PLAIN: tuple[list[str], ...] = ([], ["-m"], ["-X", _AGAIN], ["-X", _AGAIN, "-m"])
_SEED = "PYTHONHASHSEED"
_SHARED = ("nb2prod.worker.kernel", "nb2prod.runners.base", "nb2prod.runners.transcript")  # what both import anyway


class EarlyFork:
    """The fork as the command sees it."""

    def __init__(self, control: socket.socket, pid: int) -> None:
        self.control, self.pid = control, pid

    def begin(self, names: Sequence[str], environment: Mapping[str, str], log: int) -> None:
        """Let it be a fork server.

        Args:
            names: Modules to import ahead.
            environment: Its variables.
            log: The file where it says what it has to say.
        """
        import json
        import socket

        # A file, since an environment may be longer than what a socket takes at once.
        with os.fdopen(os.memfd_create(_AGAIN), "wb") as letter:
            letter.write(json.dumps([list(names), dict(environment)]).encode())
            letter.flush()
            socket.send_fds(self.control, [b"!"], [letter.fileno(), log])


_forks: list[EarlyFork] = []  # there is one at most


def born(arguments: Sequence[str]) -> None:
    """Fork an early fork of this process, which has done nothing yet, if its command is one that runs stages.

    The seed of hashes is a process's for good: where it is left to chance, this one begins again with that of stages.
    """
    options = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    if sys.platform != "linux" or options not in _PLAIN or not VERBS.intersection(arguments[:1]):
        return
    if not sys.flags.hash_randomization or _SEED in os.environ:
        _fork()
    elif _AGAIN not in sys._xoptions:
        command = [sys.executable, "-X", _AGAIN, *sys.orig_argv[1:]]
        os.execve(sys.executable, command, {**os.environ, _SEED: "0"})  # noqa: S606
    if _AGAIN in sys._xoptions:
        os.environ.pop(_SEED, None)  # nobody has asked for it, and what a ship starts shall not have it


def taken() -> EarlyFork | None:
    """Return the early fork, if there is one; it is the caller's then."""
    return _forks.pop() if _forks else None


def dismissed() -> None:
    """End the early fork that nobody has taken."""
    fork = taken()
    if fork is not None:
        fork.control.close()
        os.waitpid(fork.pid, 0)


def _fork() -> None:
    import gc
    import importlib
    import socket

    gc.disable()  # imports make next to no garbage; a fork server does without it to its end
    for name in _SHARED:
        importlib.import_module(name)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _wait(its)
    gc.enable()
    its.close()
    _forks.append(EarlyFork(ours, pid))


def _wait(control: socket.socket) -> NoReturn:
    """Be a fork server once it is wanted; in the fork."""
    import socket

    try:
        os.setsid()
        asked, files, *_ = socket.recv_fds(control, 1, 2)
        if asked:
            _be(control, *files)
    finally:
        os._exit(0)  # the command is over, and there is nothing to be left


def _be(control: socket.socket, letter: int, log: int) -> None:
    """Be what `launch.start` makes otherwise: a new program with no input, in no folder of the user's."""
    import json

    null = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((null, log, log)):
        os.dup2(file, number)
    os.close(null)
    os.close(log)
    with os.fdopen(letter, "rb") as text:
        text.seek(0)
        names, environment = json.loads(text.read())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir("/")
    if not sys.flags.safe_path:
        del sys.path[0]  # of the command's program
    from nb2prod.runners import forkserver

    forkserver.be(control, names)

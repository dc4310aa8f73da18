"""Client: a command handed to the daemon that has all imported already, as if it had run here.

The daemon (`nb2prod.daemon.server`) forks a process which becomes the command: with this process's arguments, folder,
environment, streams and umask; it gets the signals that this one gets, and this one ends as it does. There is a daemon
only where `nb2prod warm start` made one.
"""

from __future__ import annotations

import os
import sys

from nb2prod.startup.codec import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from nb2prod.startup.codec import Packed

VERBS = frozenset({"run", "plan", "check", "graph", "verify", "ship", "document"})

_LOST = 70  # EX_SOFTWARE of sysexits.h: the daemon ended before the command did


class Handed:
    """A command that runs in a fork of the daemon."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link

    def signal(self, number: int) -> None:
        """Let the command have a signal."""
        try:
            self.link.send(bytes([number]))
        except OSError:
            return  # it has ended

    def wait(self) -> int:
        """Return the exit code, negative when a signal ended it, as `subprocess` has it."""
        data = self.link.recv(1 << 12)
        self.link.close()
        return int(unpack(data)["status"][0]) if data else _LOST


def carried_out(arguments: Sequence[str]) -> int | None:
    """Have a command line carried out by the daemon and return its exit code; None when that cannot be."""
    if not arguments or arguments[0] not in VERBS or not is_wanted():
        return None
    handed = hand_over(sys.argv, (0, 1, 2))
    if handed is None:
        return None
    import signal

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: handed.signal(which))
    status = handed.wait()
    if status < 0:
        # To be seen to end as the command did.
        signal.signal(-status, signal.SIG_DFL) if -status not in {signal.SIGKILL, signal.SIGSTOP} else None
        os.kill(os.getpid(), -status)
    return status


def is_wanted() -> bool:
    """Say whether a daemon is to be used, if there is one."""
    return sys.platform == "linux" and os.environ.get("NB2PROD_WARM") != "0"


def hand_over(arguments: Sequence[str], files: tuple[int, int, int]) -> Handed | None:
    """Have the daemon carry out a command, if there is one and it is fit for it.

    Args:
        arguments: The command line, from `argv[0]` on.
        files: What shall be its standard streams.
    """
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "verb": ["command"],
        "interpreter": interpreter(),
        "path": sys.path,
        "arguments": list(arguments),
        "folder": [os.getcwd()],
        "umask": [str(umask)],
        "limits": limits(),
        "environment": [part for pair in os.environ.items() for part in pair],
    }
    try:
        answer = ask(request, files)
    except (OSError, ValueError, LookupError):
        return None
    if answer is None:
        return None
    link, said = answer
    if said.get("state") != ["begun"]:
        link.close()
        if said.get("stale"):
            sys.stderr.write(f"nb2prod: the warm process is not used and has ended: {said['stale'][0]}\n")
        return None
    return Handed(link)


def interpreter() -> list[str]:
    """Return what tells this Python from others."""
    return [
        sys.version,
        sys.executable,
        sys.prefix,
        os.path.dirname(os.path.dirname(__file__)),
        *map(str, [os.getgid(), *os.getgroups()]),
    ]


def limits() -> list[str]:
    """Return what this process may use: its niceness, and of each kind of resource the soft and the hard limit."""
    import resource

    kinds = sorted({getattr(resource, kind) for kind in dir(resource) if kind.startswith("RLIMIT_")})
    pairs = [str(limit) for kind in kinds for limit in (kind, *resource.getrlimit(kind))]
    return [str(os.getpriority(os.PRIO_PROCESS, 0)), *pairs]


def ask(request: Packed, files: Sequence[int] = ()) -> tuple[socket.socket, Packed] | None:
    """Send a request to the daemon of this Python; None when there is none.

    Raises:
        OSError, ValueError, LookupError: There is one, but it does not answer as it should.
    """
    place = os.path.join(folder(), name())
    if not os.path.exists(place):
        return None
    import socket

    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        link.connect(place)
        _refuse_others(link)
        # A request may be longer than a socket takes at once.
        letter = os.memfd_create("nb2prod")
        os.write(letter, pack(request))
        socket.send_fds(link, [b"?"], [letter, *files])
        os.close(letter)
        return link, unpack(link.recv(1 << 16))
    except (ConnectionRefusedError, FileNotFoundError):
        link.close()
        return None
    except BaseException:
        link.close()
        raise


def _refuse_others(link: socket.socket) -> None:
    if owner(link) != os.getuid():
        raise PermissionError("the daemon is another user's")


def owner(link: socket.socket) -> int:
    """Return the user at the other end."""
    import socket
    import struct

    credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def start(libraries: Sequence[str], idle: float) -> str:
    """Start a daemon in place of the one there is; return an empty text when it is ready, else what it said.

    Args:
        libraries: Modules to import.
        idle: Seconds without a command after which it ends.
    """
    import json
    import subprocess

    stop()
    log = os.path.join(make_folder(), f"{name()}.log")
    ours, its = os.pipe()
    begin = "from nb2prod.__main__ import stand_by; stand_by()"
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", begin, json.dumps(list(libraries)), str(idle), str(its)],
            pass_fds=[its],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={"PYTHONHASHSEED": "0", **os.environ},
            cwd="/",
            start_new_session=True,
        )
    process.returncode = 0  # nobody waits for it; Popen would warn that it is still running
    os.close(its)
    with open(ours, "rb") as pipe:
        ready = pipe.read() == b"ready"
    with open(log, encoding="utf-8", errors="replace") as file_said:
        return "" if ready else file_said.read()[-4000:] or "it ended without a word"


def stop() -> bool:
    """End the daemon, if there is one, and say whether there was; the commands it has begun are carried out."""
    answer = ask({"verb": ["stop"]})
    if answer is not None:
        answer[0].close()
    return answer is not None


def status() -> Packed | None:
    """Return what the daemon says of itself, or None when there is none."""
    answer = ask({"verb": ["status"]})
    if answer is None:
        return None
    answer[0].close()
    return answer[1]


def folder() -> str:
    """Return the folder of this user's sockets, whose path is short enough for one; it need not exist."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and len(runtime) < 60 and os.path.isdir(runtime) and os.stat(runtime).st_uid == os.getuid():
        return os.path.join(runtime, "nb2prod")
    return f"/tmp/nb2prod-{os.getuid()}"  # noqa: S108 - nobody else may enter it, see `make_folder`


def make_folder() -> str:
    """Make the folder of this user's sockets.

    Raises:
        PermissionError: Somebody else has made it, or others may enter it.
    """
    place = folder()
    try:
        os.mkdir(place, 0o700)
    except FileExistsError:
        found = os.lstat(place)
        if found.st_uid != os.getuid() or found.st_mode & 0o077 or not os.path.isdir(place) or os.path.islink(place):
            raise PermissionError(f"'{place}' is not only this user's folder") from None
    return place


def name() -> str:
    """Return the name of the socket, which is of this environment and of no other on this machine."""
    prefix = os.stat(sys.prefix)
    return f"{prefix.st_dev:x}-{prefix.st_ino:x}"

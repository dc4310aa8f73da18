"""Server: a process that has imported libraries once, and forks a process for each command that is handed to it.

It has one thread, runs nobody's code, and serves only its user, over a socket that others cannot reach. Each fork
becomes the command of its client: there, a run forks its stages from itself, as it does elsewhere from a process that
it starts for that. The daemon ends when it is told to, when it had nothing to do for long, and when what it has
imported is no longer what is installed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from attrs import define, field

from nb2prod.daemon import client
from nb2prod.startup import unchanged
from nb2prod.startup.codec import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nb2prod.startup.codec import Packed

# The beginnings of variables that Python, the C library or numeric libraries read when they start or are imported. A
# command whose environment has others than the daemon's would get another result from it.
READ_EARLY = (
    "PYTHON", "LD_", "GLIBC_", "MALLOC_", "LANG", "LC_", "TZ", "HOME", "TMP", "TEMP", "XDG_", "OMP_", "GOMP_", "KMP_",
    "OPENBLAS_", "MKL_", "BLIS_", "GOTO_", "NUMEXPR_", "NUMBA_", "NPY_", "NUMPY_", "PANDAS_", "ARROW_", "PARQUET_",
    "SCIPY_", "SKLEARN_", "JOBLIB_", "LOKY_", "MPL", "MATPLOTLIB", "IPYTHON", "JUPYTER_", "CUDA_", "ROCR_", "TORCH_",
    "TF_", "XLA_", "XGBOOST_", "LIGHTGBM_", "PLOTLY_", "SSL_", "VIRTUAL_ENV", "CONDA_",
)  # fmt: skip
_SEED = "PYTHONHASHSEED"
_COMMANDS = ("nb2prod.cli.main", "nb2prod.api", "nb2prod.relay", "nb2prod.text.verbs", "nb2prod.verify")

_PR_SET_PDEATHSIG = 1


@define(kw_only=True)
class _Command:
    """A command that runs: its process, and the client that waits for it."""

    pid: int
    handle: int  # pidfd
    link: socket.socket


@define(kw_only=True)
class Daemon:
    """Waits for requests."""

    listener: socket.socket
    libraries: tuple[str, ...]
    idle: float  # seconds without a command after which it ends
    environment: dict[str, str]
    known: list[str]  # what tells the installation at the start from others
    wakeup: socket.socket  # what signals wake it by
    began: float = field(factory=time.time)
    last: float = field(factory=time.monotonic)
    served: int = 0
    over: bool = False
    commands: dict[int, _Command] = field(factory=dict)
    selector: Any = field(factory=selectors.DefaultSelector)

    def serve(self) -> Packed | None:
        """Serve until the end, and then return None; in the process of a command, return the request."""
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(self.wakeup, selectors.EVENT_READ, self._close)
        while not (self.over and not self.commands):
            wait = None if self.commands else max(0.0, self.last + self.idle - time.monotonic())
            ready = self.selector.select(wait)
            if not ready and not self.commands:
                self._close()
            for key, _ in ready:
                request: Packed | None = key.data()
                if request is not None:
                    return request
        return None

    def _accept(self) -> Packed | None:
        """Read a request and do it."""
        link, _ = self.listener.accept()
        link.settimeout(1.0)
        files: list[int] = []
        try:
            if client.owner(link) == os.getuid():
                files = socket.recv_fds(link, 1, 4)[1]
                request = _letter(files[0])
                if self._do(request, link) and len(files) == 1 + len(("stdin", "stdout", "stderr")):
                    return self._fork(request, link, files)
        except (OSError, ValueError, LookupError):
            pass  # a client that is gone, or none of ours
        _close_all(files)
        link.close()
        return None

    def _do(self, request: Packed, link: socket.socket) -> bool:
        """Answer a request; say whether it is for a command, and fit."""
        verb = request["verb"][0]
        if verb == "command":
            why, stale = self._refusal(request)
            if not why:
                return True
            link.send(pack({"state": ["refused"], "why": [why], "stale": [why] if stale else []}))
        elif verb == "status":
            link.send(pack(self._status()))
        elif verb == "stop":
            self._close()
            link.send(pack({"state": ["stopping"]}))
        return False

    def _fork(self, request: Packed, link: socket.socket, files: list[int]) -> Packed | None:
        parent = os.getpid()
        self.served += 1
        pid = os.fork()
        if pid == 0:
            for command in self.commands.values():
                command.link.close()
                os.close(command.handle)
            for open_file in (self.selector, self.listener, self.wakeup, link):
                open_file.close()
            _become(request, files, parent)
            return request
        _close_all(files)
        command = _Command(pid=pid, handle=os.pidfd_open(pid), link=link)
        self.commands[pid] = command
        self.selector.register(link, selectors.EVENT_READ, lambda: self._hear(command))
        self.selector.register(command.handle, selectors.EVENT_READ, lambda: self._ended(command))
        link.send(pack({"state": ["begun"]}))
        return None

    def _hear(self, command: _Command) -> None:
        """Hand a signal on; a client that is gone takes its command with it."""
        if command.pid not in self.commands:
            return
        try:
            data = command.link.recv(1)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(command.link)
        with contextlib.suppress(ProcessLookupError):
            os.kill(command.pid, data[0] if data else signal.SIGKILL)

    def _ended(self, command: _Command) -> None:
        self.selector.unregister(command.handle)
        if command.link in {key.fileobj for key in self.selector.get_map().values()}:
            self.selector.unregister(command.link)
        os.close(command.handle)
        del self.commands[command.pid]
        status = os.waitstatus_to_exitcode(os.waitpid(command.pid, 0)[1])
        with contextlib.suppress(OSError):
            command.link.send(pack({"status": [str(status)]}))
        command.link.close()
        self.last = time.monotonic()

    def _refusal(self, request: Packed) -> tuple[str, bool]:
        """Say why a command is none of ours, and whether it is because this daemon is out of date."""
        if self.known != installation():
            self._close()
            return "packages were installed or removed since it began", True
        if request["interpreter"] != client.interpreter() or request["path"][1:] != sys.path[1:]:
            return "it is another Python", False
        asked, ours = read_early(_pairs(request["environment"])), read_early(self.environment)
        different = sorted(name for name in {*asked, *ours} if asked.get(name) != ours.get(name))
        if different:
            return f"the environment differs in {', '.join(different)}", False
        return ("" if _within(request["limits"], client.limits()) else "it may use more than the daemon"), False

    def _close(self) -> None:
        """Take no more requests; what runs is seen to its end."""
        if not self.over:
            self.over = True
            self.selector.unregister(self.listener)
            os.unlink(self.listener.getsockname())
            self.listener.close()

    def _status(self) -> Packed:
        return {
            "state": ["running"],
            "pid": [str(os.getpid())],
            "began": [str(self.began)],
            "libraries": list(self.libraries),
            "served": [str(self.served)],
            "running": [str(len(self.commands))],
            "idle": [str(self.idle)],
        }


def read_early(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables that count for what has been imported; hashes have the seed that stages have anyway."""
    found = {name: value for name, value in environment.items() if name.startswith(READ_EARLY)}
    if found.get(_SEED) == "0":
        del found[_SEED]
    return found


def installation() -> list[str]:
    """Return what tells the installed packages, and this one's code, from others."""
    times = []
    for folder in sys.path[1:]:
        with contextlib.suppress(OSError):
            times.append(str(os.stat(folder).st_mtime_ns))
    return [*unchanged.code(), *unchanged.installed(), *times]


def _close_all(files: Sequence[int]) -> None:
    for file in files:
        os.close(file)


def _letter(file: int) -> Packed:
    with open(file, "rb", closefd=False) as letter:
        letter.seek(0)
        return unpack(letter.read())


def _pairs(values: list[str]) -> dict[str, str]:
    return dict(zip(values[::2], values[1::2], strict=True))


def _become(request: Packed, files: Sequence[int], parent: int) -> None:
    """Make this process, which was just forked, look like the client's."""
    try:
        _take_place(request, files[1:], parent)
    except BaseException:  # noqa: BLE001 - it must not go on as a second daemon
        traceback.print_exc()
        os._exit(1)
    os.close(files[0])


def _take_place(request: Packed, files: Sequence[int], parent: int) -> None:
    os.setsid()
    _end_with(parent)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for usual in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(usual, signal.SIG_DFL)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    _limit(list(map(int, request["limits"])))
    os.umask(int(request["umask"][0]))
    os.chdir(request["folder"][0])
    os.environ.clear()
    os.environ.update({_SEED: "0"} | _pairs(request["environment"]))
    sys.argv, sys.path[:] = request["arguments"], request["path"]
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]


def _within(asked: list[str], ours: list[str]) -> bool:
    """Say whether limits can be reached from others: niceness and hard limits only ever get stricter."""
    infinite = resource.RLIM_INFINITY
    hard = zip(asked[3::3], ours[3::3], strict=True)
    lower = all(int(there) == infinite or 0 <= int(here) <= int(there) for here, there in hard)
    return len(asked) == len(ours) and int(asked[0]) >= int(ours[0]) and lower


def _limit(numbers: list[int]) -> None:
    niceness, rest = numbers[0], numbers[1:]
    os.setpriority(os.PRIO_PROCESS, 0, niceness)
    for kind, soft, hard in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        if resource.getrlimit(kind) != (soft, hard):
            resource.setrlimit(kind, (soft, hard))


def _end_with(parent: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _carry_out(commands: Callable[[], object]) -> int:
    """Do what the command line says and return the exit code."""
    try:
        commands()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 - as Python shows what nobody caught
        traceback.print_exc()
    else:
        return 0
    return 1


def _end(pid: int, status: list[int]) -> None:
    """End the process of a command before the exit functions of what the daemon imported: they are not its own."""
    if os.getpid() == pid:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status[0])


def main(commands: Callable[[], object]) -> None:
    """Be the daemon; the arguments are libraries, seconds of idleness, and where to tell that it is ready.

    Args:
        commands: Does what the command line says.
    """
    libraries, idle, ready = json.loads(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    known, environment = installation(), dict(os.environ)
    _warm(libraries)
    listener = _listening()
    os.write(ready, b"ready")
    os.close(ready)
    wakeup, waker = socket.socketpair()
    waker.settimeout(0)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)  # it wakes the daemon
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    daemon = Daemon(
        listener=listener, libraries=tuple(libraries), idle=idle, environment=environment, known=known, wakeup=wakeup
    )
    if daemon.serve() is None:
        os._exit(0)
    waker.close()
    status = [1]
    atexit.register(_end, os.getpid(), status)
    status[0] = _carry_out(commands)
    sys.exit(status[0])


def _warm(libraries: list[str]) -> None:
    """Import what commands and stages need; begin again without what is not fit for that."""
    from nb2prod import environment
    from nb2prod.runners import fork, forkserver, warmup  # noqa: F401 - so that commands have them

    environment.providers(["numpy"])  # reads what is installed, which is held against what is when a command comes
    try:
        warmup.warm(libraries)
        warmup.lend(_COMMANDS)
    except warmup.Unfit as wrong:
        left = [name for name in libraries if name.partition(".")[0] not in wrong.names]
        os.execv(sys.executable, [*sys.orig_argv[:-3], json.dumps(left), *sys.argv[2:]])  # noqa: S606


def _listening() -> socket.socket:
    place = os.path.join(client.make_folder(), client.name())
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place)  # of one that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(place)
    listener.listen()
    return listener

"""Shell: IPython's own kernel without sockets and threads, so that it can be made ahead and forked.

Everything is the kernel's: the shell, its magics, the user's configuration, displays and comms. Only its messages are
handed to a function here instead of being sent.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field
from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp
from IPython.core.application import ENV_CONFIG_DIRS, SYSTEM_CONFIG_DIRS
from jupyter_client.session import Session, extract_header
from tornado.ioloop import IOLoop
from traitlets import Any as AnyTrait
from traitlets import DottedObjectName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Message = dict[str, Any]


class Audience(Protocol):
    """Whoever hears what the kernel says."""

    def hear(self, name: str, parent: str | None, text: str) -> None:
        """Take what was written to a stream by code that the message `parent` started."""

    def flush(self) -> None:
        """Hand on what was heard, if the time has come."""

    def receive(self, message: Message, buffers: Iterable[Any]) -> None:
        """Take any other message."""


class Nobody:
    """Hears nothing: the audience while no stage runs."""

    def hear(self, name: str, parent: str | None, text: str) -> None:
        """Leave it."""

    def flush(self) -> None:
        """Do nothing."""

    def receive(self, message: Message, buffers: Iterable[Any]) -> None:
        """Leave it."""


class Messages(Session):  # type: ignore[misc]
    """Hands messages to `audience` instead of sending them, and keeps the last reply."""

    audience: Any = AnyTrait()
    reply: Any = AnyTrait()

    def send(self, _stream: Any, msg_or_type: Any, *values: Any, **options: Any) -> Any:
        """Hand on a message."""
        given = dict(
            zip(("content", "parent", "ident", "buffers", "track", "header", "metadata"), values, strict=False)
        )
        given |= options
        message = msg_or_type
        if not isinstance(message, dict):
            parts = {name: given.get(name) for name in ("content", "parent", "header", "metadata")}
            message = self.msg(msg_or_type, **parts)
        if message["msg_type"].endswith("_reply"):
            self.reply = message
        else:
            self.audience.receive(message, given.get("buffers") or ())
        return message


_NUMBERS = {"stdout": 1, "stderr": 2}  # file descriptors


class Voice(OutStream):  # type: ignore[misc]
    """What `sys.stdout` and `sys.stderr` are: the kernel's stream, without its thread and pipes."""

    def __init__(self, session: Messages, _thread: Any, name: str, *, echo: Any = None, **_options: Any) -> None:
        self.session, self.name, self.echo = session, name, echo
        self.topic = b"stream." + name.encode()
        self.pub_thread: Any = SimpleNamespace(thread=None)  # not None: the stream is open
        self.watch_fd_thread = None
        self._fid, self._exc, self._isatty, self._should_watch = None, None, False, False
        self._local = threading.local()
        self._parent_header: contextvars.ContextVar[Any] = contextvars.ContextVar("parent_header")
        self._parent_header_global: dict[str, Any] = {}
        # What the kernel itself logs goes here, and what is written to `fileno()`: nowhere in the notebook.
        self._original_stdstream_copy = os.dup(_NUMBERS[name])
        self._fork: _Fork | None = None

    def write(self, string: str) -> int:
        """Write a text."""
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self.pub_thread is None:
            raise ValueError("I/O operation on closed file")
        if self._fork is not None:
            self._fork.write(string)
        else:
            self.session.audience.hear(self.name, self.parent_header.get("msg_id"), string)
        return len(string)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._fork is not None:
            self._fork.flush()
        else:
            self.session.audience.flush()

    def close(self) -> None:
        """Close the stream."""
        self.pub_thread = None

    def in_fork(self) -> None:
        """Write to the file descriptor from now on: this is a process that the user's code has forked."""
        self._fork = _Fork(_NUMBERS[self.name])


@define
class _Fork:
    """A stream in a process that has no way to the audience but the file descriptor, which is listened to as well."""

    number: int
    pieces: list[str] = field(factory=list)

    def write(self, text: str) -> None:
        self.pieces.append(text)
        if "\n" in text:
            self.flush()

    def flush(self) -> None:
        text, self.pieces = "".join(self.pieces), []
        if text:
            os.write(self.number, text.encode("utf-8", "backslashreplace"))


class Kernel(IPKernelApp):  # type: ignore[misc]
    """The application that makes a kernel, in two parts: what can be done ahead, and `begin`, in a stage's process."""

    outstream_class = DottedObjectName("nb2prod.runners.shell.Voice")
    ahead = True

    def init_connection_file(self) -> None:
        """Do nothing: there is no connection."""

    def init_poller(self) -> None:
        """Do nothing: the parent is watched elsewhere."""

    def init_sockets(self) -> None:
        """Do nothing: there are none."""

    def init_heartbeat(self) -> None:
        """Do nothing: nobody listens."""

    def write_connection_file(self, **_: Any) -> None:
        """Do nothing: there is no connection."""

    def log_connection_info(self) -> None:
        """Do nothing: there is no connection."""

    def init_session(self) -> None:
        """Make the session that hands messages on."""
        self.session = Messages(parent=self, key=b"unused", audience=Nobody())

    def initialize(self, argv: list[str] | None = None) -> None:
        """Make the kernel, as far as it can be made ahead."""
        self.init_session()
        super().initialize(argv)
        self.kernel._execute_sleep = 0
        self.kernel.shell_channel_thread = SimpleNamespace(parent_thread=threading.main_thread())

    def init_kernel(self) -> None:
        """Make the kernel and its shell."""
        with _without_debugger():
            factory = self.kernel_class.instance
            # Without a namespace of ours, the kernel makes a real module of it, with all that modules have.
            own = {"user_ns": self.user_ns, "profile_dir": self.profile_dir}
            self.kernel = factory(parent=self, session=self.session, log=self.log, **own)
        self.displayhook.get_execution_count = lambda: self.kernel.execution_count

    def rehearse(self) -> None:
        """Import the usual extensions and run a cell that does nothing, ahead: the first one costs more than others."""
        for name in self.default_extensions:
            module = name if "." in name else f"IPython.extensions.{name}"
            importlib.import_module(module)
            if "StoreMagics" not in self.config:  # else it may put values into the namespace, which is a stage's to do
                self.shell.extension_manager.load_extension(module)
                self.shell.extension_manager.loaded.add(name)
        _ = self.shell.display_formatter.formatters  # which are made when they are first looked at
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            self.kernel.io_loop = IOLoop.current()
            loop.run_until_complete(self.handle(self.request("pass", history=False)))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def init_path(self) -> None:
        """Let modules of the working directory be imported, once it is the stage's."""
        if not self.ahead:
            super().init_path()

    def init_extensions(self) -> None:
        """Load the user's extensions."""
        if not self.ahead:
            super().init_extensions()

    def init_code(self) -> None:
        """Run the user's startup files."""
        if not self.ahead:
            super().init_code()

    def _run_startup_files(self) -> None:
        others = (f"{place}/startup" for place in ENV_CONFIG_DIRS + SYSTEM_CONFIG_DIRS)
        folders = [Path(folder) for folder in (self.profile_dir.startup_dir, *others)]
        names = (file.name for folder in folders if folder.is_dir() for file in folder.iterdir())
        if "PYTHONSTARTUP" in os.environ or any(name.endswith((".py", ".ipy")) for name in names):
            super()._run_startup_files()  # which takes longer to find that there are none

    def begin(self, audience: Audience) -> None:
        """Finish the kernel in the stage's own process, under a running event loop."""
        self.ahead = False
        self.session.pid = os.getpid()
        self.session.audience = audience
        self.kernel.io_loop = IOLoop.current()
        streams: tuple[Any, Any] = (sys.stdout, sys.stderr)
        for stream in streams:
            os.register_at_fork(after_in_child=stream.in_fork)
        self.init_path()
        self.init_extensions()
        self.init_code()

    def request(self, code: str, *, history: bool) -> Message:
        """Return a front-end's request to run a cell."""
        content = {"code": code, "silent": False, "store_history": history, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": False}
        found: Message = self.session.msg("execute_request", content=content)
        return found

    async def handle(self, request: Message) -> Message:
        """Handle a request as if it had come through a socket; return the content of the reply."""
        kernel, self.session.reply = self.kernel, {"content": {}}
        kernel.set_parent([], request)
        kernel.pre_handler_hook()
        try:
            found = kernel.shell_handlers[request["msg_type"]](None, [], request)
            if asyncio.iscoroutine(found) or asyncio.isfuture(found):
                await found
        finally:
            kernel.post_handler_hook()
        content: Message = self.session.reply["content"]
        return content

    def carry_out(self, work: Callable[[Any, str], None], path: str, code: str) -> Message | None:
        """Call a function of ours with the shell and a path; return what it raised as a reply has it.

        All is as in a cell of this code, which would do the same: but for what the shell does with the code of cells.
        """
        kernel = self.kernel
        kernel.set_parent([], self.request(code, history=False))
        kernel.pre_handler_hook()
        kernel._forward_input(allow_stdin=False)
        try:
            with self.shell.builtin_trap, self.shell.display_trap:
                work(self.shell, path)
        except BaseException as wrong:  # noqa: BLE001 - whatever it is, whoever waits for the stage shall know
            shown = self.shell.InteractiveTB.structured_traceback(type(wrong), wrong, wrong.__traceback__)
            return {"ename": type(wrong).__name__, "evalue": str(wrong), "traceback": shown}
        finally:
            kernel._restore_input()
            kernel.post_handler_hook()
        return None

    def end(self) -> None:
        """Leave the history of cells as it is: it is in memory, and would be tidied up before it is thrown away."""
        history = self.shell.history_manager
        if history is not None and history.hist_file == ":memory:":
            self.shell.history_manager = None


@contextmanager
def _without_debugger() -> Iterator[None]:
    """Hide the debugger, which is slow to import and which nobody can reach here."""
    missing = "debugpy" not in sys.modules
    if missing:
        sys.modules["debugpy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if missing:
            del sys.modules["debugpy"]


Kernel.__name__ = "IPKernelApp"  # by which the user's configuration, and tqdm, know it


def parent_of(message: Message) -> str | None:
    """Return the id of the request that a message belongs to."""
    found = extract_header(message["parent_header"]) if message.get("parent_header") else {}
    return found.get("msg_id") if isinstance(found, dict) else None

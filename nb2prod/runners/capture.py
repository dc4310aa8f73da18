"""Capture: what a stage's process hears of its kernel and its file descriptors, passed on in time."""

from __future__ import annotations

import _thread
import codecs
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field

from nb2prod.runners.shell import parent_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nb2prod.runners.shell import Message
    from nb2prod.runners.transcript import Transcript
    from nb2prod.runners.widgets import Widgets

_OUTPUTS = {
    "display_data": ("metadata", "data"),
    "execute_result": ("metadata", "data", "execution_count"),
    "error": ("ename", "evalue", "traceback"),
}
_OFTEN = 0.2  # seconds between two accounts of what was said
_PATIENT = 0.02  # seconds between two that are asked for, when there are many
_MANY = 500  # accounts of a cell, until one must wait for the next
_FULL = 1 << 18  # characters that wait at most
_CHUNK = 1 << 20  # bytes
_EXACT = 1000  # writes of a cell between which file descriptors are looked at each time


@define(kw_only=True)
class Descriptor:
    """A file that stands for a file descriptor, so that whoever writes to it never waits for us."""

    name: str  # of the stream that it is
    number: int
    heard: int = 0  # bytes
    decoder: Any = field(factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))

    def skip(self) -> None:
        """Leave what was written till now."""
        self.heard = os.fstat(self.number).st_size
        self.decoder.reset()

    def listen(self) -> str:
        """Return what was written since the last call."""
        size = os.fstat(self.number).st_size
        if size == self.heard:
            return ""
        if size < self.heard:
            self.heard = 0  # something has opened it by its name and emptied it
        found = os.pread(self.number, min(size - self.heard, _CHUNK), self.heard)
        self.heard += len(found)
        text: str = self.decoder.decode(found)
        return text


@define(kw_only=True)
class Capture:
    """The audience of a stage's kernel; only what the running cell says counts."""

    transcript: Transcript
    descriptors: tuple[Descriptor, ...]
    widgets: Widgets
    request: str | None = None  # what the running cell was started by
    pending: list[tuple[str, str]] = field(factory=list)
    size: int = 0  # characters in `pending`
    writes: int = 0
    told: int = 0
    when: float = 0.0  # of the last account
    due: threading.Event = field(factory=threading.Event)
    lock: Any = field(factory=threading.RLock)
    awake: bool = False  # whether there is a thread that gives accounts now and then

    def begin(self, position: int, index: int) -> None:
        """Begin to listen to a cell: the number by which it is told of, and the one it has in the notebook."""
        with self.lock:
            self.pending, self.size, self.writes, self.told = [], 0, 0, 0
            for descriptor in self.descriptors:
                descriptor.skip()
            self.transcript.begin(position, index)

    def end(self) -> None:
        """Tell the rest of what the cell said."""
        with self.lock:
            self._listen()
            self._settle()
            self.transcript.end()
            self.request = None

    def hear(self, name: str, parent: str | None, text: str) -> None:
        """Take what was written to a stream."""
        if parent != self.request or parent is None:
            return
        with self.lock:
            self.writes += 1
            if self.writes < _EXACT:
                self._listen()  # in the order in which it was written
            self.pending.append((name, text))
            self.size += len(text)
            if self.size > _FULL:
                self._settle()
            if not self.due.is_set():
                self.due.set()
                self._wake()
                self._tell()

    def flush(self) -> None:
        """Tell what was heard, unless that was just done."""
        if self.request is None:
            return
        with self.lock:
            self.told += 1
            if self.told < _MANY or time.monotonic() - self.when > _PATIENT:
                self._listen()
                self._tell()

    def receive(self, message: Message, buffers: Iterable[Any]) -> None:
        """Take a message that is no text."""
        parent = parent_of(message)
        if parent is None or parent != self.request:
            return
        with self.lock:
            self._listen()
            self._settle()
            self._receive(message, buffers)

    def _receive(self, message: Message, buffers: Iterable[Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        display = (content.get("transient") or {}).get("display_id")
        if kind == "clear_output":
            wait = bool(content.get("wait"))
            if not self.widgets.clear(self.request, wait=wait):
                self.transcript.clear(wait=wait)
        elif kind == "update_display_data":
            if display:
                self.transcript.update(display, _output("display_data", content))
        elif kind == "stream":
            self._say(content["name"], content["text"])
        elif kind in _OUTPUTS:
            output = _output(kind, content)
            if not self.widgets.take(self.request, output):
                self.transcript.show(output, display)
        else:
            self.widgets.handle(message, buffers)

    def _listen(self) -> None:
        for descriptor in self.descriptors:
            while text := descriptor.listen():
                self.pending.append((descriptor.name, text))
                self.size += len(text)
                if self.size > _FULL:
                    self._settle()

    def _settle(self) -> None:
        pending, self.pending, self.size = self.pending, [], 0
        texts: list[str] = []
        above = ""
        for name, text in pending:
            if name != above and texts:
                self._say(above, "".join(texts))
                texts = []
            above = name
            texts.append(text)
        if texts:
            self._say(above, "".join(texts))

    def _say(self, name: str, text: str) -> None:
        if not self.widgets.take(self.request, {"output_type": "stream", "name": name, "text": text}):
            self.transcript.say(name, text)

    def _tell(self) -> None:
        self._settle()
        self.transcript.flush()
        self.when = time.monotonic()

    def _wake(self) -> None:
        """Begin to give accounts now and then; none of the notebook's threads, and not waited for."""
        if not self.awake:
            self.awake = True
            _thread.start_new_thread(self._now_and_then, ())

    def _now_and_then(self) -> None:
        while True:
            self.due.wait()
            time.sleep(_OFTEN)
            self.due.clear()
            with self.lock:
                if self.request is not None:  # the cell may have ended while this waited
                    self._listen()
                    self._tell()


def _output(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return what a message shows as nbformat has it."""
    found = {name: content[name] for name in _OUTPUTS[kind]}
    if "metadata" in found:
        found["metadata"] = found["metadata"] or {}
    return {"output_type": kind, **found}

"""Widgets: the one that takes outputs for itself, as a front-end plays it when there is none.

`with output: print(...)` puts what is printed into the widget's `outputs` and not into the cell. Other widgets need no
front-end to hold their state.

Source:
    `nbclient.output_widget`, which does the same for kernels behind sockets.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nb2prod.runners.shell import Message, Messages
    from nb2prod.runners.transcript import Output

_OUTPUT = "@jupyter-widgets/output"


@define
class OutputWidget:
    """The outputs that one widget has taken."""

    outputs: list[Output] = field(factory=list)
    request: str = ""  # whose outputs it takes
    clearing: bool = False  # before the next output

    def take(self, output: Output) -> None:
        """Append an output; texts of one stream in a row are one."""
        if self.clearing:
            self.outputs, self.clearing = [], False
        last = self.outputs[-1] if self.outputs else None
        if last is not None and output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(output)


@define
class Widgets:
    """The output widgets of a kernel; what they send back waits in `queue` until the kernel has time."""

    session: Messages
    known: dict[str, OutputWidget] = field(factory=dict)  # by id of their comm
    taking: dict[str, list[str]] = field(factory=dict)  # request → comms that take its outputs, the last one first
    queue: deque[Message] = field(factory=deque)

    def handle(self, message: Message, _buffers: Iterable[Any]) -> None:
        """Handle a message of a comm."""
        content = message["content"]
        comm, state = content.get("comm_id", ""), (content.get("data") or {}).get("state") or {}
        if message["msg_type"] == "comm_open" and state.get("_model_module") == _OUTPUT:
            self.known[comm] = OutputWidget()
        elif comm in self.known and "msg_id" in state:
            widget = self.known[comm]
            if state["msg_id"]:
                widget.request = state["msg_id"]
                self.taking.setdefault(widget.request, []).append(comm)
            elif self.taking.get(widget.request):
                self.taking[widget.request].pop()

    def take(self, request: str | None, output: Output) -> bool:
        """Give an output to the widget that takes those of a request, if there is one."""
        comm = self._taker(request)
        if comm is not None:
            self.known[comm].take(output)
            self._sync(comm)
        return comm is not None

    def clear(self, request: str | None, *, wait: bool) -> bool:
        """Clear the widget that takes the outputs of a request, if there is one."""
        comm = self._taker(request)
        if comm is not None:
            widget = self.known[comm]
            if wait:
                widget.clearing = True
            else:
                widget.outputs = []
                self._sync(comm)
        return comm is not None

    def _taker(self, request: str | None) -> str | None:
        comms = self.taking.get(request or "")
        return comms[-1] if comms else None

    def _sync(self, comm: str) -> None:
        """Tell the kernel what its widget has now, as a front-end does."""
        state = {"outputs": [dict(output) for output in self.known[comm].outputs]}
        data = {"method": "update", "state": state, "buffer_paths": []}
        message = self.session.msg("comm_msg", content={"comm_id": comm, "data": data})
        self.queue.append({**message, "buffers": []})

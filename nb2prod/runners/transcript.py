"""Transcript: what cells say and show, as the notebook keeps it, made of a kernel's messages while they come.

What one stretch of a cell prints between two pictures is one output for `stdout` and one for `stderr`, in this order:
that does not depend on when the streams were flushed. Lines that a carriage return overwrote are gone, as on a screen.

An output with a display id keeps it, and an update of a display of another cell is an output of its own: whoever has
the whole notebook carries it out (`nb2prod.runners.displays`).
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from attrs import define, field

from nb2prod.runners import displays, truncation
from nb2prod.runners.truncation import Spill, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Output = dict[str, Any]  # of nbformat
Change = dict[str, Any]  # JSON, from the stage's process to the one that waits for it

_OVERWRITTEN = re.compile(r".*\r(?=[^\n])")
_STREAMS = ("stdout", "stderr")
_PLACES = len(_STREAMS) + 1  # of a stretch: its streams, and the output that ends it
_LONG = 1 << 16  # characters of a line that is not waited for to end


@define(kw_only=True)
class Stream:
    """What a stretch of a cell printed to one stream."""

    name: str
    text: Text
    open: str = ""  # the line that has not ended yet
    new: list[str] = field(factory=list)  # settled and not told yet

    def write(self, text: str) -> None:
        """Append; a carriage return takes back what its line had."""
        text = self.open + text
        if "\r" in text:
            text = _OVERWRITTEN.sub("", text)
        end = text.rfind("\n") + 1
        if len(text) - end > _LONG:
            end = len(text)
        self.open = text[end:]
        if end:
            self.new.append(self.text.add(text[:end]))

    def change(self) -> Change:
        """Return what came since the last call."""
        new, self.new = "".join(self.new), []
        return {"name": self.name, "add": new, "open": self.open}

    def settle(self) -> Output | None:
        """End it; return it as an output when it is not all of what was told."""
        if not self.text.over:
            return None
        self.text.add(self.open)
        self.open = ""
        return {"output_type": "stream", "name": self.name, "text": str(self.text)}


@define(kw_only=True)
class Transcript:
    """The outputs of a stage's cells; each change of them is handed on."""

    tell: Callable[[Change], None]
    spill: Spill
    cell: int = -1  # the cell that runs
    label: str = ""  # what it is called in the file
    stretch: int = 0
    shown: int = 0  # outputs of this cell that are no streams
    said: int = 0  # characters
    spilled: int = 0  # outputs that went to the file
    streams: dict[str, Stream] = field(factory=dict)  # of this stretch
    clearing: bool = False  # before the next output
    displays: dict[str, list[int]] = field(factory=dict)  # id → places of this cell
    updates: dict[str, int] = field(factory=dict)  # id of a display above → place of its update

    def begin(self, cell: int, index: int) -> None:
        """Begin a cell: the number by which it is told of, and the one it has in the notebook."""
        self.label = f"cell {index + 1}"
        self.cell, self.stretch, self.shown, self.said, self.spilled = cell, 0, 0, 0, 0
        self.streams, self.clearing, self.displays, self.updates = {}, False, {}, {}

    def end(self) -> None:
        """End the cell."""
        if self.spilled:
            self.say("stderr", f"[… {self.spilled:,} more outputs are in {self.spill.path} …]\n")
        self._settle()
        self.streams = {}  # a later flush would take what was settled back to its beginning

    def say(self, name: str, text: str) -> None:
        """Append a text to a stream; it is told of at the next `flush`."""
        if not text:
            return
        self._clear_if_due()
        stream = self.streams.get(name)
        if stream is None:
            room = max(0, min(truncation.HALF, 2 * truncation.HALF - self.said))
            text_kept = Text(label=f"{self.label}, {name}", spill=self.spill, room=room)
            stream = self.streams[name] = Stream(name=name, text=text_kept)
        self.said += len(text)
        stream.write(text)

    def flush(self) -> None:
        """Tell what was said."""
        for stream in self.streams.values():
            self._place(_STREAMS.index(stream.name), {"text": stream.change()})

    def show(self, output: Output, display: str | None = None) -> None:
        """Append an output that is no stream."""
        if display in self.displays:
            self.update(display, output)
        self._clear_if_due()
        if self.shown >= truncation.MANY:
            self.spill.write(self.label, truncation.as_line(output))
            self.spilled += 1
            return
        self._settle()
        if display:
            output = displays.identified(output, display)
            self.displays.setdefault(display, []).append(self._number(_PLACES - 1))
        self._place(_PLACES - 1, {"output": _kept(output, self.label, self.spill)})
        self.shown += 1
        self.stretch += 1
        self.streams = {}

    def update(self, display: str, output: Output) -> None:
        """Show other data wherever a display of this id is."""
        kept = _kept(output, f"display {display}", self.spill)
        for place in self.displays.get(display, ()):
            self.tell({"cell": self.cell, "place": place, "data": kept["data"], "metadata": kept["metadata"]})
        if display not in self.displays and len(self.updates) < truncation.MANY:
            place = self.updates.setdefault(display, -1 - len(self.updates))  # beside the streams, which go on
            update = displays.identified(kept | {"output_type": displays.UPDATE}, display)
            self.tell({"cell": self.cell, "place": place, "output": update})

    def clear(self, *, wait: bool) -> None:
        """Take the cell's outputs back, at once or when the next one comes."""
        if wait:
            self.clearing = True
            return
        self.streams = {}
        self.shown = self.said = 0
        self.displays = {}
        self.tell({"cell": self.cell, "clear": True})

    def _clear_if_due(self) -> None:
        if self.clearing:
            self.clearing = False
            self.clear(wait=False)

    def _settle(self) -> None:
        self.flush()
        for stream in self.streams.values():
            output = stream.settle()
            if output is not None:
                self._place(_STREAMS.index(stream.name), {"output": output})

    def _place(self, kind: int, change: Change) -> None:
        self.tell({"cell": self.cell, "place": self._number(kind), **change})

    def _number(self, kind: int) -> int:
        return self.stretch * _PLACES + kind


def _kept(output: Output, label: str, spill: Spill) -> Output:
    if output["output_type"] == "error":
        return output | {
            "evalue": truncation.cut(output["evalue"], f"{label}, error", spill),
            "traceback": truncation.traceback(output["traceback"], f"{label}, traceback", spill),
        }
    return output | {"data": truncation.data(output["data"], label, spill)}


@define
class Outputs:
    """The outputs of one cell as its changes leave them."""

    places: dict[int, Output] = field(factory=dict)
    settled: dict[int, list[str]] = field(factory=dict)  # texts of streams, without the line that has not ended

    def apply(self, change: Change) -> None:
        """Make a change."""
        if "clear" in change:
            self.places.clear()
            self.settled.clear()
            return
        place = change["place"]
        if "text" in change:
            told = change["text"]
            self.settled.setdefault(place, []).append(told["add"])
            self.places.setdefault(place, {"output_type": "stream", "name": told["name"], "text": ""})["open"] = told[
                "open"
            ]
        elif "output" in change:
            self.places[place] = change["output"]
        elif place in self.places:
            self.places[place].update(data=change["data"], metadata=change["metadata"])

    def list(self) -> list[Output]:
        """Return them in order, as nbformat has them."""
        for place, output in self.places.items():
            if "open" in output:
                output["text"] = "".join(self.settled[place]) + output.pop("open")
        return [output for _, output in sorted(self.places.items()) if output.get("text") != ""]


def kept(outputs: Sequence[Output], cell: int, spill: Spill) -> list[Output]:
    """Return the outputs of a cell that ran elsewhere as a transcript would have kept them."""
    page = Outputs()
    script = Transcript(tell=page.apply, spill=spill)
    script.begin(0, cell)
    for stream, group in groupby(outputs, key=lambda output: output.get("name")):
        if stream is None:
            for output in group:
                display = displays.identity(output)
                if display and output["output_type"] == displays.UPDATE:
                    script.update(display, dict(output))
                else:
                    script.show(dict(output), display)
        else:
            script.say(stream, "".join(output["text"] for output in group))
    script.end()
    return page.list()

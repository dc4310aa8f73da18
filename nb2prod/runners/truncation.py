"""Truncation: how much of what a cell says is kept in the notebook, and where the rest is.

A notebook with a hundred megabytes of prints opens nowhere. The beginning and the end stay; all of it is in a file.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from pathlib import Path

HALF = 1 << 19  # characters kept of the beginning of a text, and as many of its end
RICH = 1 << 24  # characters of one picture, or of a page of HTML with its scripts
MANY = 1000  # outputs of a cell, such as pictures and tables
TRACE = 1 << 16  # characters of a traceback


@define(kw_only=True)
class Spill:
    """The file of a stage for what its cells say too much; made when there is something to write."""

    path: Path
    label: str = ""  # what is written now

    def write(self, label: str, text: str) -> None:
        """Append a text, below a line that says whose it is."""
        with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            if label != self.label:
                file.write(f"----- {label}\n")
                self.label = label
            file.write(text)


@define(kw_only=True)
class Text:
    """A text that only grows at its end, of which the beginning and the end are kept."""

    label: str
    spill: Spill
    room: int = HALF  # characters kept at its beginning
    head: list[str] = field(factory=list)
    size: int = 0  # characters in all
    tail: deque[str] = field(factory=deque)
    tailed: int = 0  # characters in `tail`

    @property
    def over(self) -> bool:
        """True when there is more than is kept."""
        return self.size > self.room + HALF

    def add(self, text: str) -> str:
        """Append; return the part that now belongs to the beginning."""
        begun = max(0, self.room - self.size)
        new, rest = text[:begun], text[begun:]
        was_over, self.size = self.over, self.size + len(text)
        if new:
            self.head.append(new)
        if rest:
            self.tail.append(rest)
            self.tailed += len(rest)
        if self.over:
            self.spill.write(self.label, text if was_over else "".join([*self.head, *self.tail]))
            while self.tailed - len(self.tail[0]) >= HALF:
                self.tailed -= len(self.tail.popleft())
        return new

    def __str__(self) -> str:
        head, tail = "".join(self.head), "".join(self.tail)
        if not self.over:
            return head + tail
        return shortened(head, tail[-HALF:], self.size, self.spill.path)


def shortened(head: str, tail: str, size: int, path: Path) -> str:
    """Join the two ends of a text with a sentence about what is between them."""
    left_out = size - len(head) - len(tail)
    above = "" if head.endswith("\n") or not head else "\n"
    return f"{head}{above}[… {left_out:,} characters left out: all of it is in {path} …]\n{tail}"


def cut(text: str, label: str, spill: Spill) -> str:
    """Return a text as it is kept; a long one is written to the file."""
    found = Text(label=label, spill=spill)
    found.add(text)
    return str(found)


def data(bundle: dict[str, Any], label: str, spill: Spill) -> dict[str, Any]:
    """Return the representations of a value that are not too large; in place of the others the plain one says where."""
    kept: dict[str, Any] = {}
    missing = []
    for kind, value in bundle.items():
        if kind == "text/plain" and isinstance(value, str):
            kept[kind] = cut(value, f"{label}, {kind}", spill)
        elif isinstance(value, str) and len(value) > RICH:
            spill.write(f"{label}, {kind}", value)
            missing.append(f"[{kind} of {len(value):,} characters left out: it is in {spill.path}]")
        else:
            kept[kind] = value
    if missing:
        kept["text/plain"] = "\n".join([*missing, kept.get("text/plain", "")]).rstrip()
    return kept


def traceback(lines: list[str], label: str, spill: Spill) -> list[str]:
    """Return a traceback that can be read: of an endless recursion the two ends."""
    size = sum(map(len, lines))
    if size <= TRACE:
        return lines
    spill.write(label, "\n".join(lines))
    head, tail = _first(lines, TRACE // 2), _first(lines[::-1], TRACE // 2)[::-1]
    return [*head, f"[… left out: all of it is in {spill.path} …]", *tail]


def abridged(text: str) -> str:
    """Return the two ends of a traceback as one text."""
    return text if len(text) <= TRACE else f"{text[: TRACE // 2]}\n[…]\n{text[-TRACE // 2 :]}"


def _first(lines: list[str], room: int) -> list[str]:
    found = []
    for line in lines:
        found.append(line[:room])
        room -= len(line)
        if room <= 0:
            break
    return found


def as_line(output: dict[str, Any]) -> str:
    """Write an output as a line of the file."""
    return json.dumps(output, ensure_ascii=False, default=repr) + "\n"

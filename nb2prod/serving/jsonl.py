"""JSON lines: records one a line, in a folder, in parts that are bounded in size, number and age."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import define, field

PARTS = 8  # files that a folder's size is divided into, so that the oldest eighth goes at a time
DAY = 86400.0


@define(eq=False)
class JsonLines:
    """One process's own file, and the others in the folder that it prunes. What a kill leaves half-written is one line.

    A line that was begun is the last of its file, since a file has one writer.
    """

    folder: Path
    most: int  # bytes of all files
    days: float
    place: Path | None = field(init=False, default=None)
    size: int = field(init=False, default=0)
    number: int = field(init=False, default=0)

    def write(self, lines: Sequence[bytes]) -> None:
        """Append lines; begin another file where this one is full."""
        data = b"".join(line + b"\n" for line in lines)
        if self.place is None or self.size + len(data) > self.most // PARTS:
            self._begin()
        assert self.place is not None
        with self.place.open("ab") as file:
            file.write(data)
        self.size += len(data)

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.prune()
        self.number += 1
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self.place, self.size = self.folder / f"{stamp}-{os.getpid()}-{self.number}.jsonl", 0
        self.place.touch(mode=0o600)

    def prune(self) -> None:
        """Take away what is too old, and the oldest of what is too much; leave room for a new file."""
        every = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in self.folder.glob("*.jsonl")), reverse=True)
        room = self.most - self.most // PARTS
        for changed, size, path in every:
            room -= size
            if room < 0 or changed < time.time() - self.days * DAY:
                path.unlink(missing_ok=True)


def read(path: Path) -> list[bytes]:
    """Return the whole lines of a file; one that a kill cut short is none."""
    return [line for line in path.read_bytes().split(b"\n")[:-1] if line]

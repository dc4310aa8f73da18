"""Feedback: what people say of answers, kept as JSON lines where the service's operator says."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from . import table
from .faults import Fault, Refused
from .table import refused

SIZE = 16_384  # bytes of one
MOST = 8 * 2**20  # bytes of all
LENGTHS = {"request": 64, "expected": 500, "comment": 2000}  # characters
FILE = "feedback.jsonl"
KNOWN = ("time", "release")  # what the service adds


def read(body: bytes) -> dict[str, Any]:
    """Read feedback: `{"right": true}`, and if one likes `request` (an id), `expected` and `comment`.

    Raises:
        Refused: It is something else.
    """
    if len(body) > SIZE:
        raise Refused(413, f"Feedback has at most {SIZE:,} bytes.")
    said = table.read(body)
    if type(said) is not dict:
        raise Refused(400, 'Feedback must be an object: {"right": true, "comment": "..."}.')
    if faults := list(_faults(said)):
        raise refused(faults)
    return said


def _faults(said: Mapping[str, Any]) -> Iterator[Fault]:
    for key in sorted(said.keys() - {"right", *LENGTHS}):
        yield Fault(code="unexpected", message="is unknown here", field=key)
    if "right" not in said:
        yield Fault(code="missing", message="is missing", field="right")
    elif type(said["right"]) is not bool:
        yield Fault(code="type", message="must be true or false", field="right")
    for key, most in LENGTHS.items():
        value = said.get(key)
        if key == "expected" and type(value) in {int, float, bool}:
            if isinstance(value, float) and not math.isfinite(value):
                yield Fault(code="not_finite", message="must be a finite number", field=key)
            continue
        if value is not None and type(value) is not str:
            yield Fault(code="type", message="must be a text", field=key)
        elif value is not None and len(value) > most:
            yield Fault(code="length", message=f"must have at most {most:,} characters", field=key)


def keep(home: Path | None, release: str, said: Mapping[str, Any]) -> None:
    """Write feedback down; it is on disk when this returns.

    Raises:
        Refused: There is no place for it.
    """
    if home is None:
        raise Refused(503, "This service keeps no feedback: its operator sets SERVICE_STATE_DIR to a folder for it.")
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = to_json({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "release": release, **said}) + b"\n"
    place = os.open(home / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(place).st_size
        if size + len(line) > MOST:
            raise Refused(507, "There is no more room for feedback; its operator moves the file away.")
        # A kill may have cut the last line short; what follows is a line of its own all the same.
        torn = size > 0 and os.pread(place, 1, size - 1) != b"\n"
        os.write(place, b"\n" + line if torn else line)
        os.fsync(place)
    finally:
        os.close(place)


def kept(home: Path) -> list[dict[str, Any]]:
    """Return the feedback there is, the oldest first."""
    path = home / FILE
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    return [found for line in lines if (found := _whole(line)) is not None]


def _whole(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(key, ""), str) for key in KNOWN):
        return None
    return None if any(_faults({key: one for key, one in found.items() if key not in KNOWN})) else found


def tally(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Count feedback, and give the latest comments."""
    right = sum(one["right"] for one in found)
    said = [one for one in reversed(found) if one.get("comment") or one.get("expected") is not None]
    return {"right": right, "wrong": len(found) - right, "latest": said[:10]}

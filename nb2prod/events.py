"""Event: one step of progress, as it is shown, sent and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from attrs import field, frozen

VERSION = 1

Kind = Literal["start", "step", "stage", "cell", "finding", "error", "end"]


@frozen(kw_only=True)
class Event:
    """What happened; `data` has the fields that `nb2prod.schema` lists for its kind."""

    kind: Kind
    data: Mapping[str, Any] = field(factory=dict)


Listener = Callable[[Event], None]


def line(event: Event, *, seq: int, at: float) -> str:
    """Write an event as one line of a journal: `seq` counts from 1, `at` is in seconds since 1970."""
    return json.dumps({"v": VERSION, "seq": seq, "at": round(at, 3), "event": event.kind, **event.data}) + "\n"

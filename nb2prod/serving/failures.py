"""Failures: whole requests that failed, where the policy says so, to be opened as a notebook."""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from .faults import Refused

JSON = b"application/json"
MOST = 100  # requests; the oldest go
SIZE = 2**20  # bytes of one; larger ones are not kept
DAY = 86400.0
FAILED = frozenset({422, 500, 504})  # the model had no answer, or none in time


@frozen(kw_only=True)
class FailedRequest:
    """One request, with its answer. Of its headers there is only the content type: others may hold a key."""

    id: str
    time: str
    release: str
    status: int
    error: str
    form: str  # content type
    body: str  # text, or base64 of what is none

    @classmethod
    def of(cls, name: str, release: str, refused: Refused, form: bytes, body: bytes) -> FailedRequest:
        """Make it of what came and what was said to it."""
        text = body.decode("utf-8", "replace") if form == JSON else b64encode(body).decode()
        stamp, why = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), refused.summary
        return cls(
            id=name, time=stamp, release=release, status=refused.status, error=why, form=form.decode(), body=text
        )

    @property
    def data(self) -> bytes:
        """Return the body as it was sent."""
        return self.body.encode() if self.form == JSON.decode() else b64decode(self.body)


def wanted(policy: str, status: int) -> bool:
    """Say whether a policy, `none`, `failed` or `refused`, wants a request of some status."""
    return policy == "refused" or (policy == "failed" and status in FAILED)


def keep(folder: Path, one: FailedRequest, *, days: float) -> None:
    """Write a request down, whole, and take away those that are too old or too many."""
    if len(one.body) > SIZE:
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    every = sorted(((p.stat().st_mtime, p) for p in folder.glob("*.json")), reverse=True)
    for n, (changed, path) in enumerate(every):
        if n >= MOST - 1 or changed < time.time() - days * DAY:
            path.unlink(missing_ok=True)
    temporary = folder / f".{one.id}.tmp"
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(one), file)
    temporary.replace(folder / f"{one.id}.json")


def read(path: Path) -> FailedRequest:
    """Read a request that was kept."""
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return FailedRequest(**raw)

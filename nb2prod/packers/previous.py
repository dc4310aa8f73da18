"""Previous: the release that answers for a notebook now, asked about the rows that a new model is judged by."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from nb2prod.candidates.candidate import Candidate
from nb2prod.errors.base import Nb2ProdError
from nb2prod.evaluate import Rival, Said
from nb2prod.packers import fields
from nb2prod.releases import deployment, trust

PATIENCE = 120  # seconds

# A process of its own, as its code has the names that the new one has. The core loads nothing but what was released.
ASK = """
import json, sys
from pathlib import Path
sys.path.insert(0, ".")
from serving_runtime.core import Core
core = Core(Path("."), **json.loads(sys.argv[1]))
core.load()
for line in sys.stdin.buffer:
    print(core.reply(line).decode(), flush=True)
"""
MANY = 2000  # rows at a time


@frozen(kw_only=True)
class Previous:
    """A release that was promoted."""

    release: str
    folder: str  # of its service
    digest: str  # of its model, SHA-256


def live(home: Path, notebook: str) -> Previous | None:
    """Return the release that answers for a notebook, if there is one that may be trusted.

    Args:
        home: Of the records.
        notebook: Its path below its project.
    """
    try:
        name = deployment.read(deployment.folder_of(home, notebook)).live
    except Nb2ProdError:
        return None
    return None if name is None else of(home, name)


def of(home: Path, name: str) -> Previous | None:
    """Return a release to compare with, if it may be trusted and can be asked."""
    try:
        made = trust.trusted(home, name)
    except Nb2ProdError:
        return None
    folder = home / "releases" / made.id / "service"
    if not folder.is_dir() or "sha256" not in made.model:
        return None
    return Previous(release=made.id, folder=str(folder.resolve()), digest=str(made.model["sha256"]))


def said(previous: Previous | None, found: Candidate) -> Iterator[tuple[Rival, Said | None]]:
    """Yield what the release says of a candidate's held-out rows, or nothing of one that cannot be asked about them."""
    if previous is None or found.kind == "forecast":  # which learnt another past, and goes on from there
        return
    rows = fields.records(found.held.x, fields.learn(found), found.model)
    parts = (rows[n : n + MANY] for n in range(0, len(rows), MANY))
    body = b"\n".join(json.dumps({"rows": part}).encode() for part in parts)
    command = [sys.executable, "-B", "-c", ASK, json.dumps({"digest": previous.digest})]
    asked: dict[str, Any] = {"input": body, "cwd": previous.folder, "capture_output": True, "timeout": PATIENCE}
    rival = Rival(name=f"release {previous.release}", origin="release")
    try:
        done = subprocess.run(command, check=True, **asked)
    except (OSError, subprocess.SubprocessError):
        yield rival, None
        return
    answers = [answer for line in done.stdout.splitlines() for answer in json.loads(line)]
    yield rival, _read(answers, json.loads((Path(previous.folder) / "schema.json").read_text(encoding="utf-8")))


def _read(answers: list[dict[str, Any]], schema: dict[str, Any]) -> Said:
    import numpy as np

    predicted = np.array([one["prediction"] for one in answers])
    if "probabilities" not in answers[0]:
        return Said(predicted=predicted)
    names = schema["classes"]
    return Said(
        predicted=predicted,
        probabilities=np.array([[one["probabilities"][name] for name in names] for one in answers]),
        classes=np.array(schema["labels"]),
    )

"""Review: what a ship of a notebook would run and put into a release, told before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict

from nb2prod import emit, schema
from nb2prod.candidates import offer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Step


def of(line: Pipeline, steps: Iterable[Step], folder: Path) -> dict[str, Any]:
    """Return a pipeline's review as JSON.

    `offer` is what the service would give, by its kind and names; `files` are those of `folder` that the code names;
    `seconds` is what the stages to run took when they ran last.
    """
    plan = schema.plan(line.notebook.name, steps)
    files = [name for name in emit.mentioned(line) if (folder / name).is_file()]
    seconds = sum(step["seconds"] or 0.0 for step in plan["steps"] if step["action"] == "run")
    return {**plan, "offer": asdict(offer.of(line)), "files": files, "seconds": round(seconds, 3)}

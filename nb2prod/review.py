"""Review: what a ship of a notebook would run and put into a release, told before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nb2prod import clues, emit, schema

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Step


def of(line: Pipeline, steps: Iterable[Step], folder: Path) -> dict[str, Any]:
    """Return a pipeline's review as JSON.

    `models` are the names that the code treats as models, the last one first; `files` are those of `folder` that it
    names; `seconds` is what the stages to run took when they ran last.
    """
    plan = schema.plan(line.notebook.name, steps)
    models = [clue.model for clue in reversed(clues.of(line))]
    files = [name for name in emit.mentioned(line) if (folder / name).is_file()]
    seconds = sum(step["seconds"] or 0.0 for step in plan["steps"] if step["action"] == "run")
    return {**plan, "models": models, "files": files, "seconds": round(seconds, 3)}

"""Tasks for tests of runners, and what became of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from attrs import define, field

from nb2prod.errors.base import RunError, StoreError
from nb2prod.notebook import Cell
from nb2prod.runners.base import CellResult, Runner, Task
from nb2prod.worker.kernel import Job

Source = str | tuple[str, tuple[str, ...]]  # of a cell; and its tags


@define
class Told:
    """What a runner told of a task."""

    folder: Path
    started: list[int] = field(factory=list)
    results: list[CellResult] = field(factory=list)
    error: RunError | StoreError | None = None

    @property
    def outputs(self) -> list[list[dict[str, Any]]]:
        """The outputs of each cell as nbformat has them."""
        return [json.loads(json.dumps(list(result.outputs))) for result in self.results]

    @property
    def texts(self) -> list[str]:
        """What each cell printed and returned."""
        return ["".join(map(_text, outputs)) for outputs in self.outputs]

    @property
    def overflow(self) -> str:
        """What was too much for the notebook."""
        return (self.folder / "overflow.txt").read_text(encoding="utf-8")

    @property
    def left(self) -> dict[str, Any]:
        """What the stage left."""
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_text(encoding="utf-8"))
        return found


def run(runner: Runner, folder: Path, *sources: Source, keep: tuple[str, ...] = (), **options: Any) -> Told:
    """Run cells with a runner that is open."""
    told = Told(folder)
    job = Job(store=str(folder / "store"), result=str(folder / "result.json"), seed="test", keep=list(keep))
    task = Task(
        stage="test",
        cells=tuple(cell(index, source) for index, source in enumerate(sources)),
        kernel=options.pop("kernel", "python3"),
        folder=folder,
        job=job,
        job_file=folder / "job.json",
        overflow=folder / "overflow.txt",
        started=lambda cell: told.started.append(cell.index),
        finished=told.results.append,
        **options,
    )
    told.error = runner.run(task)
    return told


def cell(index: int, source: Source) -> Cell:
    text, tags = (source, ()) if isinstance(source, str) else source
    return Cell(index=index, id=f"c{index}", kind="code", source=text, tags=tags)


def _text(output: dict[str, Any]) -> str:
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))


# What is another one in each process, or each time.
_CHANGING = (
    (re.compile(r"0x[0-9a-f]{6,}"), "0xADDRESS"),
    (re.compile(r"ipykernel_\d+/\d+"), "ipykernel"),
    (re.compile(r'"model_id": "[0-9a-f]{32}"'), '"model_id": ""'),
    (re.compile(r"(CPU times|Wall time).*?\\n"), "TIME "),
    (re.compile(r"[\d.]+ [nμm]?s ± .*? per loop"), "TIME"),
)


def same(outputs: list[dict[str, Any]]) -> str:
    """Return outputs as a text that is the same whenever it means the same."""
    text = json.dumps(outputs, sort_keys=True, ensure_ascii=False)
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text

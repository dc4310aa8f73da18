"""Runner: runs the cells of one stage in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nb2prod.errors import RunError, StoreError
    from nb2prod.kernel import Job
    from nb2prod.notebook import Cell


@frozen(kw_only=True)
class Task:
    """One stage to run."""

    stage: str
    cells: tuple[Cell, ...]  # code cells; one with a negative index is ours and leaves no trace in the history
    kernel: str
    folder: Path  # the working directory
    job: Job
    job_file: Path  # where the job is written; its result lies where `job.result` says
    timeout: float | None = None  # seconds a cell may run
    started: Callable[[Cell], None]
    finished: Callable[[CellResult], None]


@frozen(kw_only=True)
class CellResult:
    """What one cell printed, showed and raised."""

    cell: Cell
    outputs: Sequence[dict[str, Any]] = field(factory=tuple)  # nbformat outputs
    ok: bool = True


class Runner(Protocol):
    """Runs a task; tells of each cell as it starts and ends."""

    def run(self, task: Task) -> RunError | StoreError | None:
        """Run the cells in order; when all are done, the job's result file is there.

        Returns:
            None, or why the stage did not finish (a `StoreError`: an input is gone); the cells below
            the failing one were not run.
        """

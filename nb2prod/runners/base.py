"""Runner: runs the cells of one stage in a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from nb2prod.errors.base import RunError, StoreError
    from nb2prod.notebook import Cell
    from nb2prod.worker.kernel import Job


_CALL = "__import__('nb2prod.worker.kernel', fromlist=['{verb}']).{verb}(get_ipython(), {path!r})"


def call(verb: Literal["enter", "leave"], job_file: str) -> str:
    """Return code that prepares a stage's process, or keeps what it leaves."""
    return _CALL.format(verb=verb, path=job_file)


@frozen(kw_only=True)
class Task:
    """One stage to run."""

    stage: str
    cells: tuple[Cell, ...]  # code cells; one with a negative index is ours and leaves no trace in the history
    kernel: str
    folder: Path  # the working directory
    job: Job
    job_file: Path  # where the job is written; its result lies where `job.result` says
    overflow: Path  # the file where output goes of which there is too much to show
    timeout: float | None = None  # seconds a cell may run
    stage_timeout: float | None = None  # seconds all of them may
    memory: int | None = None  # bytes the stage may take
    cpus: int | None = None
    gpus: int | None = None
    considerate: bool = False  # its threads sleep while they wait, since something else wants the cores as well
    last: bool = False  # nothing runs after it, so that it may end the process
    started: Callable[[Cell], None]
    finished: Callable[[CellResult], None]


@frozen(kw_only=True)
class CellResult:
    """What one cell printed, showed and raised."""

    cell: Cell
    outputs: Sequence[dict[str, Any]] = field(factory=tuple)  # nbformat outputs
    ok: bool = True


class Runner(Protocol):
    """Runs tasks between `open` and `close`, each in a process of its own; tells of each cell as it starts and ends."""

    def open(self, preload: Sequence[str]) -> None:
        """Get ready, in the main thread and before any other is started.

        Args:
            preload: Modules that may be imported once for all stages, dotted; a runner may leave it.
        """

    def run(self, task: Task) -> RunError | StoreError | None:
        """Run the cells in order; when all are done, the job's result file is there. May be called by several threads.

        Returns:
            None, or why the stage did not finish (a `StoreError`: an input is gone); the cells below
            the failing one were not run.
        """

    def close(self) -> None:
        """End what still runs, and with it the calls of `run` that wait for it."""


@contextmanager
def opened(runner: Runner, preload: Sequence[str] = ()) -> Iterator[Runner]:
    """Open a runner and close it again."""
    runner.open(preload)
    try:
        yield runner
    finally:
        runner.close()

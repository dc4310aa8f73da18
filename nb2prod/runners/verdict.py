"""Verdict: what it means for a run that code in a stage's process raised something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from nb2prod.errors.base import Place
from nb2prod.errors.runs import CellFailed, KernelMissing, StageEnded
from nb2prod.runners import truncation

if TYPE_CHECKING:
    from nb2prod.errors.base import RunError, StoreError
    from nb2prod.notebook import Cell
    from nb2prod.runners.base import Task

# What `sys.exit` may be called with by a cell that ends the process on purpose and in order.
_WELL = frozenset({"", "0", "None"})


@frozen(kw_only=True)
class Raised:
    """An exception, as the kernel tells of it."""

    name: str
    value: str
    traceback: str

    @property
    def ends_well(self) -> bool:
        """True for `sys.exit(0)`."""
        return self.name == "SystemExit" and self.value in _WELL


def place(task: Task, cell: Cell | None) -> Place:
    """Return where a cell is; of those that are ours only the stage."""
    if cell is None or cell.index < 0:
        return Place(stage=task.stage)
    return Place(cell=cell.index, cell_id=cell.id, stage=task.stage)


def of_cell(raised: Raised, task: Task, cell: Cell) -> RunError | StoreError | None:
    """Judge what a cell of the notebook raised; None when all is well nevertheless."""
    if cell.index < 0:
        return of_ours(raised, task)
    if not raised.ends_well:
        return _failed(raised, place(task, cell))
    if task.last and cell is task.cells[-1]:
        return None  # nothing is left that would not run
    return StageEnded(place(task, cell))


def of_ours(raised: Raised, task: Task) -> RunError | StoreError:
    """Judge what `nb2prod.worker.kernel` raised."""
    from nb2prod.worker.kernel import refusal

    if raised.name == "ModuleNotFoundError" and "nb2prod" in raised.value:
        return KernelMissing(task.kernel, "nb2prod is not installed in its environment")
    refused = refusal(raised.name, raised.value)
    if refused is not None:
        return refused
    return _failed(raised, place(task, None))


def _failed(raised: Raised, where: Place) -> CellFailed:
    return CellFailed(where, raised.name or "an error", raised.value, truncation.abridged(raised.traceback))

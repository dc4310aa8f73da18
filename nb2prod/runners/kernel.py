"""KernelRunner: each stage in a Jupyter kernel of its own, driven by nbclient."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import nbformat
from attrs import asdict
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from traitlets.config import Config

from nb2prod.errors import Place, RunError, StoreError
from nb2prod.failures import CellFailed, KernelDied, KernelMissing, StageTimedOut
from nb2prod.kernel import refusal
from nb2prod.runners.base import CellResult
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nb2prod.notebook import Cell
    from nb2prod.runners.base import Task

_CALL = "__import__('nb2prod.kernel', fromlist=['{verb}']).{verb}(get_ipython(), {path!r})"


class KernelRunner:
    """Starts the notebook's kernel for each stage and shuts it down after it."""

    def open(self, preload: Sequence[str]) -> None:
        """Do nothing: a kernel of its own imports what it needs."""

    def close(self) -> None:
        """Do nothing: each `run` shuts its kernel down, in whatever way it ends."""

    def run(self, task: Task) -> RunError | StoreError | None:
        """Run the cells between `nb2prod.kernel.enter` and `leave`."""
        task.job_file.write_text(json.dumps(asdict(task.job)), encoding="utf-8")
        cells = [_call("enter", task), *(_cell(cell) for cell in task.cells), _call("leave", task)]
        try:
            with _sockets() as config:
                client = NotebookClient(
                    nbformat.v4.new_notebook(cells=cells),
                    kernel_name=task.kernel,
                    timeout=task.timeout,
                    resources={"metadata": {"path": str(task.folder)}},
                    config=config,
                    # Output in the order it was written, as the notebook shows it.
                    coalesce_streams=True,
                )
                # What the kernel itself says, of a signal for instance, is for the log and not for the user.
                log = task.job_file.with_suffix(".log")
                with log.open("wb") as errors, client.setup_kernel(env=_environment(), stderr=errors):
                    return _run(client, task)
        except NoSuchKernel:
            return KernelMissing(task.kernel, "it is not installed")
        except RuntimeError as wrong:  # jupyter_client: "Kernel didn't respond in 60 seconds" and its like
            return KernelMissing(task.kernel, str(wrong).rstrip("."))


def _run(client: Any, task: Task) -> RunError | StoreError | None:
    last = len(client.nb.cells) - 1
    for position, cell in enumerate(client.nb.cells):
        user = task.cells[position - 1] if 0 < position < last else None
        if user is not None:
            task.started(user)
        error = _execute(client, cell, position, task, user)
        if user is not None:
            task.finished(CellResult(cell=user, outputs=cell.outputs, ok=error is None))
        if error is not None:
            return error
    return None


def _execute(client: Any, cell: Any, position: int, task: Task, user: Cell | None) -> RunError | StoreError | None:
    own = user is None or user.index < 0
    place = Place(stage=task.stage)
    if user is not None and not own:
        place = Place(cell=user.index, cell_id=user.id, stage=task.stage)
    try:
        client.execute_cell(cell, position, store_history=not own)
    except CellTimeoutError:
        return StageTimedOut(place, task.timeout or 0.0)
    except CellExecutionError as failed:
        if user is None and "nb2prod" in (failed.evalue or "") and failed.ename == "ModuleNotFoundError":
            return KernelMissing(task.kernel, "nb2prod is not installed in its environment")
        refused = refusal(failed.ename or "", failed.evalue or "") if own else None
        if refused is not None:
            return refused
        traceback = "\n".join(_traceback(cell)) or failed.traceback
        return CellFailed(place, failed.ename or "an error", failed.evalue or "", traceback)
    except DeadKernelError:
        return KernelDied(place, run_sync(client.km.provisioner.poll)())
    return None


def _traceback(cell: Any) -> list[str]:
    return [line for output in cell.outputs if output.output_type == "error" for line in output.traceback]


def _call(verb: str, task: Task) -> Any:
    return nbformat.v4.new_code_cell(_CALL.format(verb=verb, path=str(task.job_file)))


def _cell(cell: Cell) -> Any:
    return nbformat.v4.new_code_cell(untagged(cell.source), metadata={"tags": list(cell.tags)})


@contextmanager
def _sockets() -> Iterator[Config]:
    """Let messages, which hold the notebook's data, go through files of this user only, and not through open ports."""
    if os.name != "posix":
        yield Config()
        return
    with tempfile.TemporaryDirectory(prefix="nb2prod-") as folder:
        yield Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})


def _environment() -> dict[str, str]:
    # With a fixed seed, sets come in the same order in every stage and every run.
    return {"PYTHONHASHSEED": "0", **os.environ}

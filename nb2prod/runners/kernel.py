"""KernelRunner: each stage in a Jupyter kernel of its own, driven by nbclient."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import nbformat
from attrs import asdict
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.paths import jupyter_runtime_dir
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from traitlets.config import Config

from nb2prod.errors import CellFailed, KernelDied, KernelMissing, Place, RunError, StageTimedOut
from nb2prod.runners.base import CellResult
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from nb2prod.notebook import Cell
    from nb2prod.runners.base import Task

_LONGEST_FOLDER = 50  # of the 107 bytes that a socket's path may have; the rest is the kernel's own name
_CALL = "__import__('nb2prod.kernel', fromlist=['{verb}']).{verb}(get_ipython(), {path!r})"


class KernelRunner:
    """Starts the notebook's kernel for each stage and shuts it down after it."""

    def run(self, task: Task) -> RunError | None:
        """Run the cells between `nb2prod.kernel.enter` and `leave`."""
        task.job_file.write_text(json.dumps(asdict(task.job)), encoding="utf-8")
        cells = [_call("enter", task), *(_cell(cell) for cell in task.cells), _call("leave", task)]
        client = NotebookClient(
            nbformat.v4.new_notebook(cells=cells),
            kernel_name=task.kernel,
            timeout=task.timeout,
            resources={"metadata": {"path": str(task.folder)}},
            config=_config(),
            # Output in the order it was written, as the notebook shows it.
            coalesce_streams=True,
        )
        try:
            with client.setup_kernel(env=_environment()):
                return _run(client, task)
        except NoSuchKernel:
            return KernelMissing(task.kernel, "it is not installed")
        except RuntimeError as wrong:  # jupyter_client: "Kernel didn't respond in 60 seconds" and its like
            return KernelMissing(task.kernel, str(wrong).rstrip("."))


def _run(client: Any, task: Task) -> RunError | None:
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


def _execute(client: Any, cell: Any, position: int, task: Task, user: Cell | None) -> RunError | None:
    place = Place(stage=task.stage) if user is None else Place(cell=user.index, cell_id=user.id, stage=task.stage)
    try:
        client.execute_cell(cell, position, store_history=user is not None)
    except CellTimeoutError:
        return StageTimedOut(place, task.timeout or 0.0)
    except CellExecutionError as failed:
        if user is None and "nb2prod" in (failed.evalue or "") and failed.ename == "ModuleNotFoundError":
            return KernelMissing(task.kernel, "nb2prod is not installed in its environment")
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
    return nbformat.v4.new_code_cell(untagged(cell.source))


def _config() -> Config:
    # Messages hold the notebook's data: sockets in the user's own folder, where their paths fit, beat open ports.
    fits = os.name == "posix" and len(jupyter_runtime_dir()) < _LONGEST_FOLDER
    return Config({"KernelManager": {"transport": "ipc"}} if fits else {})


def _environment() -> dict[str, str]:
    # With a fixed seed, sets come in the same order in every stage and every run.
    return {"PYTHONHASHSEED": "0", **os.environ}

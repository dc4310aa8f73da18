"""Runs for tests, fast enough for hundreds of programs."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import tempfile
import threading
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, define, field
from books import document
from IPython.core.interactiveshell import InteractiveShell

from nb2prod import notebook, pipeline
from nb2prod.errors.base import Place, RunError
from nb2prod.errors.runs import CellFailed
from nb2prod.events import Event
from nb2prod.execution.decision import Context, kept
from nb2prod.execution.execution import Execution
from nb2prod.execution.machine import Machine
from nb2prod.execution.scheduler import Scheduler
from nb2prod.plan import Record
from nb2prod.runners.base import CellResult, Task
from nb2prod.stage import untagged
from nb2prod.stores.local import LocalStore
from nb2prod.worker import kernel


@define
class ForkRunner:
    """Runs a stage in a fork of this process: as isolated as a kernel, and fast enough for hundreds of programs."""

    ran: list[str] = field(factory=list)  # stages, as they began
    most: int = 0  # stages that ran at once
    _now: int = 0
    _lock: Any = field(factory=threading.Lock)

    def open(self, preload: Sequence[str]) -> None:
        pass

    def close(self) -> None:
        pass

    def run(self, task: Task) -> RunError | None:
        with self._lock:
            self.ran.append(task.stage)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return self._run(task)
        finally:
            with self._lock:
                self._now -= 1

    def _run(self, task: Task) -> RunError | None:
        task.job_file.write_text(json.dumps(asdict(task.job)), encoding="utf-8")
        said = task.job_file.with_suffix(".said")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                said.write_text(json.dumps(_inside(task)), encoding="utf-8")
                status = 0
            except BaseException:  # noqa: BLE001 - whatever it is, it is to be seen
                traceback.print_exc()
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if status:
            return CellFailed(Place(stage=task.stage), "an error", "the child failed", "")
        for cell, text in zip(task.cells, json.loads(said.read_text(encoding="utf-8")), strict=True):
            task.finished(CellResult(cell=cell, outputs=[{"output_type": "stream", "name": "stdout", "text": text}]))
        return None


def _inside(task: Task) -> list[str]:
    os.chdir(task.folder)
    # Libraries of other tests log to files of pytest's, which no stage would have open.
    logging.Logger.manager.loggerDict.clear()
    InteractiveShell.clear_instance()
    shell: Any = InteractiveShell.instance(history_load_length=0)
    kernel.enter(shell, str(task.job_file))
    texts = []
    for cell in task.cells:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            shell.run_cell(untagged(cell.source)).raise_error()
        texts.append(out.getvalue())
    kernel.leave(shell, str(task.job_file))
    return texts


@define
class Run:
    """A run of cells by `ForkRunner`."""

    execution: Execution
    runner: ForkRunner
    events: list[Event]

    @property
    def texts(self) -> list[str]:
        """What each cell printed."""
        return ["".join(output["text"] for output in cell["outputs"]) for cell in self.execution.document["cells"]]

    @property
    def records(self) -> dict[str, Record]:
        """What each stage left."""
        found = {stage: kept(self.execution.context.store, key) for stage, key in self.execution.keys.items()}
        return {stage: record for stage, record in found.items() if record}

    @property
    def states(self) -> dict[str, str]:
        """What became of each stage."""
        return {outcome.stage: outcome.state for outcome in self.execution.outcomes}


def run(cells: list[str], folder: Path, *, machine: Machine | None = None, **context: Any) -> Run:
    """Carry out a program as stages."""
    runner, events, workspace = ForkRunner(), list[Event](), folder / ".work"
    workspace.mkdir(exist_ok=True)
    raw = document(*cells)
    given = {
        "pipeline": pipeline.build(notebook.parse(raw, "test.ipynb")),
        "folder": folder,
        "store": LocalStore(str(folder / ".store")),
        "kernel": "python3",
    }
    scheduler = Scheduler(runner=runner, machine=machine or Machine(jobs=4, cpus=4))
    execution = Execution(
        context=Context(**(given | context)),
        document=raw,
        scheduler=scheduler,
        workspace=workspace,
        listen=events.append,
    )
    with scheduler.opened():
        execution.run()
    return Run(execution, runner, events)


def straight(cells: list[str]) -> list[str]:
    """Run cells as one program, in a folder of their own and an environment that is given back."""
    names: dict[str, Any] = {"__name__": "__main__"}
    texts = []
    environment, filters = dict(os.environ), list(warnings.filters)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for cell in cells:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(untagged(cell), names)
            texts.append(out.getvalue())
    os.environ.clear()
    os.environ.update(environment)
    warnings.filters[:] = filters
    return texts

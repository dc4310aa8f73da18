"""KernelRunner: each stage in a Jupyter kernel of its own, driven by nbclient."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

import nbformat
import zmq
from attrs import asdict, define, evolve, field
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from traitlets.config import Config

from nb2prod.errors.base import Place
from nb2prod.errors.runs import KernelDied, KernelMissing, RunCancelled, StageTimedOut
from nb2prod.runners import displays, limits, program, transcript, verdict
from nb2prod.runners.base import CellResult, call
from nb2prod.runners.truncation import Spill
from nb2prod.runners.verdict import Raised
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nb2prod.errors.base import RunError, StoreError
    from nb2prod.notebook import Cell
    from nb2prod.runners.base import Task


# Threads of OpenMP wait for each other in a busy loop, which takes the core from the very one that is waited for when
# there is a third to run: packaging beside it, training the churn model took twenty seconds and not one.
_SLEEPY = {"OMP_WAIT_POLICY": "PASSIVE"}


@define
class KernelRunner:
    """Starts the notebook's kernel for each stage and shuts it down after it."""

    _live: set[int] = field(factory=set, init=False)  # process groups of kernels
    _closed: bool = field(default=False, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def open(self, preload: Sequence[str]) -> None:  # noqa: ARG002
        """Get ready; a kernel of its own imports what it needs."""
        self._closed = False

    def close(self) -> None:
        """Kill the kernels that still run, and what they have started."""
        with self._lock:
            self._closed = True
            for group in self._live:
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)

    def run(self, task: Task) -> RunError | StoreError | None:
        """Run the cells between `nb2prod.worker.kernel.enter` and `leave`."""
        task.job_file.write_text(json.dumps(asdict(task.job)), encoding="utf-8")
        try:
            with _loop():
                error = self._run(task)
        except NoSuchKernel:
            return KernelMissing(task.kernel, "it is not installed")
        except RuntimeError as wrong:  # jupyter_client: "Kernel didn't respond in 60 seconds" and its like
            error = KernelMissing(task.kernel, str(wrong).rstrip("."))
        return RunCancelled(Place(stage=task.stage)) if error is not None and self._closed else error

    def _run(self, task: Task) -> RunError | StoreError | None:
        cells = [_call("enter", task), *(_cell(cell) for cell in task.cells), _call("leave", task)]
        # What the kernel itself says, of a signal for instance, is for the log and not for the user.
        log = task.job_file.with_suffix(".log")
        with _sockets() as config, log.open("wb") as errors:
            client = _Client(
                nbformat.v4.new_notebook(cells=cells),
                kernel_name=task.kernel,
                resources={"metadata": {"path": str(task.folder)}},
                config=config,
            )
            environment = limits.environment(task.cpus, task.gpus) | program.environment()
            if task.considerate:
                environment = _SLEEPY | environment
            with client.setup_kernel(env=environment, stderr=errors), self._noted(client) as group:
                limits.keep_to(group, task.cpus)
                with limits.watched(group, task.memory) as over:
                    error = RunCancelled(Place(stage=task.stage)) if self._closed else _run(client, task)
                return evolve(error, over=over[0]) if over and isinstance(error, KernelDied) else error

    @contextmanager
    def _noted(self, client: Any) -> Iterator[int]:
        """Let `close` find a kernel, which leads a process group of its own; gives the group."""
        group = int(client.km.provisioner.pid)
        with self._lock:
            self._live.add(group)
        try:
            yield group
        except BaseException:
            # Whoever stops it does not wait for a kernel that is busy, to which nbclient gives some seconds.
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            raise
        finally:
            with self._lock:
                self._live.discard(group)


class _Client(NotebookClient):  # type: ignore[misc]  # nbclient has no types
    """Keeps what outputs and their updates are known by, which nbclient does not."""

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take a message of the kernel; an update of a display of another cell becomes an output."""
        content = msg["content"]
        display = (content.get("transient") or {}).get("display_id")
        if msg["msg_type"] == displays.UPDATE and display and cell_index not in self._display_id_map.get(display, {}):
            update = {"output_type": displays.UPDATE, "data": content["data"], "metadata": content["metadata"]}
            cell.outputs.append(nbformat.from_dict(displays.identified(update, display)))
        try:
            return super().process_message(msg, cell, cell_index)
        finally:
            # An Output widget's state is sent back by a call that takes the socket's news from whoever awaits them, so
            # that the reply is never noticed; asking for its events tells them again.
            self.kc.shell_channel.socket.get(zmq.EVENTS)

    def output(self, outs: Any, msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Append an output, with the id of its display."""
        output = super().output(outs, msg, display_id, cell_index)
        if output and display_id:
            output.update(displays.identified({}, display_id))
        return output


@contextmanager
def _loop() -> Iterator[None]:
    """Give a thread an event loop of its own, and close it; the main thread's is for others to close."""
    if threading.current_thread() is threading.main_thread():
        yield
        return
    loop = ensure_event_loop()
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _run(client: Any, task: Task) -> RunError | StoreError | None:
    last, spill = len(client.nb.cells) - 1, Spill(path=task.overflow)
    began = time.monotonic()
    for position, cell in enumerate(client.nb.cells):
        user = task.cells[position - 1] if 0 < position < last else None
        if user is not None:
            task.started(user)
        left = None if task.stage_timeout is None else max(0.001, began + task.stage_timeout - time.monotonic())
        limit = min((seconds for seconds in (task.timeout, left) if seconds is not None), default=None)
        client.timeout_func = lambda _cell, limit=limit: limit  # `timeout` takes whole seconds only
        error = _execute(client, cell, position, task, user)
        if isinstance(error, StageTimedOut) and limit == left:
            error = StageTimedOut(error.where, task.stage_timeout or 0.0, "stage")
        if user is not None:
            outputs = transcript.kept(cell.outputs, user.index, spill)
            task.finished(CellResult(cell=user, outputs=outputs, ok=error is None))
        if error is not None:
            return error
    return None


def _execute(client: Any, cell: Any, position: int, task: Task, user: Cell | None) -> RunError | StoreError | None:
    own = user is None or user.index < 0
    place = verdict.place(task, user)
    try:
        client.execute_cell(cell, position, store_history=not own)
    except CellTimeoutError:
        return StageTimedOut(place, task.timeout or 0.0)
    except CellExecutionError as failed:
        traceback = "\n".join(_traceback(cell)) or failed.traceback
        raised = Raised(name=failed.ename or "", value=failed.evalue or "", traceback=traceback)
        return verdict.of_ours(raised, task) if user is None else verdict.of_cell(raised, task, user)
    except DeadKernelError:
        return KernelDied(place, run_sync(client.km.provisioner.poll)())
    return None


def _traceback(cell: Any) -> list[str]:
    return [line for output in cell.outputs if output.output_type == "error" for line in output.traceback]


def _call(verb: Literal["enter", "leave"], task: Task) -> Any:
    return nbformat.v4.new_code_cell(call(verb, str(task.job_file)))


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

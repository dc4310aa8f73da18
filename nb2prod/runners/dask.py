"""DaskRunner: each stage on a worker of a Dask cluster, in a process of its own there.

What crosses the cluster is code, digests and outputs; values go through the store, which all machines must reach. Dask
may run a stage twice, when a worker is cut off and comes back: blobs are kept by content, and only this process writes
the record, so that twice is the same as once.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, field

from nb2prod.errors.base import ExtraMissing, Place, RunError, StoreError
from nb2prod.errors.runs import ClusterUnreachable, KernelDied, ResourcesMissing, RunCancelled
from nb2prod.runners import remote
from nb2prod.runners.base import CellResult

if TYPE_CHECKING:
    from nb2prod.runners.base import Task

_PATIENCE = 30.0  # seconds to find the cluster
# A worker that says nothing for so long is taken for lost, and its stages run elsewhere.
TTL = "30s"

Worker = Mapping[str, Any]  # as the scheduler describes it


@define
class DaskRunner:
    """Sends stages to a cluster: the one at an address, or one of processes on this machine."""

    cluster: str | None = None
    jobs: int | None = None  # workers of a cluster of its own
    elsewhere: bool = field(default=True, init=False)  # it, and not this machine, shares what there is among stages
    _client: Any = field(default=None, init=False)
    _own: Any = field(default=None, init=False)
    _made: dict[str, str] = field(factory=dict, init=False)  # digest of an artifact → host where it was made
    _futures: set[Any] = field(factory=set, init=False)
    _closed: bool = field(default=False, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def open(self, preload: Sequence[str]) -> None:  # noqa: ARG002
        """Connect to the cluster, or start one.

        Raises:
            ExtraMissing: Dask is not installed.
            ClusterUnreachable: Nobody answers at the address.
        """
        try:
            import dask
            import distributed
        except ImportError:
            raise ExtraMissing("--executor dask", "distributed", "dask") from None
        self._closed = False
        if self.cluster is None:
            with dask.config.set({"distributed.scheduler.worker-ttl": TTL}):
                self._own = distributed.LocalCluster(
                    n_workers=self.jobs, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", memory_limit=0
                )
        try:
            self._client = distributed.Client(self._own or self.cluster, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as wrong:
            raise ClusterUnreachable(str(self.cluster), str(wrong)) from wrong

    def close(self) -> None:
        """Give up what still runs, and end a cluster of its own."""
        with self._lock:
            self._closed = True
            futures, client, own = set(self._futures), self._client, self._own
            self._client = self._own = None
        for future in futures:
            future.cancel()
        for part in (client, own):
            if part is not None:
                part.close()

    def run(self, task: Task) -> RunError | StoreError | None:
        """Run the cells on a worker."""
        place = Place(stage=task.stage)
        client = self._client
        if client is None:
            return RunCancelled(place)
        try:
            future = self._sent(client, task)
        except ResourcesMissing as wrong:
            return wrong
        try:
            found = self._awaited(future, place)
        finally:
            with self._lock:
                self._futures.discard(future)
            future.release()
        return found if isinstance(found, RunError | StoreError) else self._taken(task, found)

    def _sent(self, client: Any, task: Task) -> Any:
        workers: Mapping[str, Worker] = client.scheduler_info(n_workers=-1)["workers"]
        fit = _fit(task, workers)
        near = [] if len(fit) < len(workers) else self._near(task, workers)
        future = client.submit(
            remote.run,
            _told(task),
            key=f"nb2prod-{task.stage}-{uuid.uuid4().hex}",
            pure=False,
            workers=near or (fit if len(fit) < len(workers) else None),
            allow_other_workers=bool(near),
            resources=_resources(task, workers) or None,
        )
        with self._lock:
            self._futures.add(future)
        return future

    def _near(self, task: Task, workers: Mapping[str, Worker]) -> list[str]:
        """Return the workers of the host where most of a stage's inputs were made."""
        hosts = [self._made[digest] for digest in task.job.inputs if digest in self._made]
        if not hosts:
            return []
        host = max(sorted(set(hosts)), key=hosts.count)
        return [address for address, worker in workers.items() if worker["host"] == host]

    def _awaited(self, future: Any, place: Place) -> dict[str, Any] | RunError:
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            found: dict[str, Any] = future.result()
        except KilledWorker:
            return KernelDied(place, None)
        except (FutureCancelledError, TimeoutError, OSError) as lost:
            return RunCancelled(place) if self._closed else ClusterUnreachable(str(self.cluster), str(lost))
        return found

    def _taken(self, task: Task, found: dict[str, Any]) -> RunError | StoreError | None:
        for number, result in enumerate(found["results"]):
            cell = task.cells[number]
            task.started(cell)
            task.finished(CellResult(cell=cell, outputs=result["outputs"], ok=result["ok"]))
        error: RunError | StoreError | None = found["error"]
        if error is None:
            Path(task.job.result).write_text(json.dumps(found["left"]), encoding="utf-8")
            with self._lock:
                self._made |= {item["digest"]: found["host"] for item in found["left"]["artifacts"]}
        return error


def _told(task: Task) -> dict[str, Any]:
    """Return a task without what only this process knows."""
    names = ("stage", "kernel", "timeout", "stage_timeout", "memory", "cpus", "gpus", "last")
    return {
        **{name: getattr(task, name) for name in names},
        "folder": str(task.folder),
        "job": asdict(task.job),
        "cells": [asdict(cell) for cell in task.cells],
    }


def _resources(task: Task, workers: Mapping[str, Worker]) -> dict[str, float]:
    """Return what to ask of Dask, as far as workers declare it; it counts, and the worker's own runner enforces."""
    asked = {"GPU": task.gpus, "CPU": task.cpus, "MEMORY": task.memory}
    declared = {name for worker in workers.values() for name in worker.get("resources", {})}
    return {name: number for name, number in asked.items() if number and name in declared}


def _fit(task: Task, workers: Mapping[str, Worker]) -> list[str]:
    """Return the workers that have what a stage asks for.

    Raises:
        ResourcesMissing: None has.
    """
    place = Place(stage=task.stage)
    if task.gpus and not any(worker.get("resources", {}).get("GPU", 0) >= task.gpus for worker in workers.values()):
        most = max((int(worker.get("resources", {}).get("GPU", 0)) for worker in workers.values()), default=0)
        raise ResourcesMissing(place, "GPUs", task.gpus, most)
    limits = {address: worker.get("memory_limit") or 0 for address, worker in workers.items()}
    fit = [address for address, limit in limits.items() if not (task.memory and limit) or limit >= task.memory]
    if limits and not fit:
        raise ResourcesMissing(place, "bytes of memory", task.memory or 0, max(limits.values()))
    return fit

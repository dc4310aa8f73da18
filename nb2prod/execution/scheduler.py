"""Scheduler: starts stages in threads when the machine has what they ask for, and work of one key once."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, evolve, field, frozen

from nb2prod.errors.base import Nb2ProdError, Place
from nb2prod.errors.runs import CellFailed, KernelDied, RunCancelled, StageTimedOut
from nb2prod.execution.machine import Machine, ask
from nb2prod.execution.recording import Said
from nb2prod.runners.base import CellResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from nb2prod.notebook import Cell
    from nb2prod.plan import Record
    from nb2prod.runners.base import Runner, Task
    from nb2prod.worker.kernel import Job

# Exceptions that the same code raises again however often it is run.
_HOPELESS = frozenset({
    "AttributeError", "IndentationError", "ImportError", "ModuleNotFoundError", "NameError", "SyntaxError",
    "UnboundLocalError",
})  # fmt: skip


@frozen(kw_only=True)
class Message:
    """Something that happened to a stage while it ran."""

    kind: Literal["began", "cell"]  # an attempt; a cell begins, or ends when it has a result
    cell: Cell | None = None
    result: CellResult | None = None
    attempt: int = 0
    failure: Nb2ProdError | None = None  # of the attempt before


@frozen(kw_only=True)
class Order:
    """A stage to run, and how to record what it left."""

    key: str
    rank: int  # its place in the notebook: what comes first is served first
    options: Mapping[str, Any]
    task: Task  # its first attempt
    record: Callable[[list[CellResult], Said], Record]  # when it has run

    def same(self, other: Order) -> bool:
        """Tell whether another order is for the same work."""
        return self.key == other.key and self._work == other._work

    @property
    def _work(self) -> Job:
        return evolve(self.task.job, result="")

    def attempt(self, number: int, flight: Flight, results: list[CellResult]) -> Task:
        """Return the task of an attempt, with files of its own; its cells' `results` are gathered."""

        def finished(result: CellResult) -> None:
            results.append(result)
            flight.say(Message(kind="cell", cell=result.cell, result=result))

        result = f"{self.task.job.result}.{number}"
        return evolve(
            self.task,
            job=evolve(self.task.job, result=result),
            job_file=self.task.job_file.with_suffix(f".{number}.json"),
            overflow=self.task.overflow.with_suffix(f".{number}.txt"),
            started=lambda cell: flight.say(Message(kind="cell", cell=cell)),
            finished=finished,
        )


@define(kw_only=True)
class Flight:
    """A stage that is running, or has run; everyone who wants what it makes follows it."""

    order: Order
    changed: threading.Condition  # shared by all flights, so that one wait sees them all
    messages: list[Message] = field(factory=list)
    landed: bool = False
    record: Record | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    cancelled: threading.Event = field(factory=threading.Event)

    def say(self, message: Message) -> None:
        """Tell those who follow."""
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()


@define(kw_only=True)
class Scheduler:
    """What all stages of a run, or of several runs at once, are started by."""

    runner: Runner
    machine: Machine = field(factory=Machine)
    _changed: threading.Condition = field(factory=threading.Condition, init=False)
    _flying: dict[str, Flight] = field(factory=dict, init=False)
    _threads: list[threading.Thread] = field(factory=list, init=False)
    _landings: int = field(default=0, init=False)
    _stopped: bool = field(default=False, init=False)

    @contextmanager
    def opened(self, preload: Sequence[str] = ()) -> Iterator[Scheduler]:
        """Get ready in the main thread; nothing runs any more when the block has ended."""
        self.runner.open(preload)
        try:
            yield self
        finally:
            self.stop()

    def start(self, order: Order) -> Flight:
        """Run a stage as soon as the machine can; join it when the same work is under way.

        Raises:
            ResourcesMissing: It asks for more than the machine has.
            RunCancelled: All was stopped.
        """
        if self._stopped:
            raise RunCancelled(Place(stage=order.task.stage))
        self.machine.refuse(ask(order.options), Place(stage=order.task.stage))
        with self._changed:
            flying = self._flying.get(order.key)
            if flying is not None and flying.order.same(order) and not flying.cancelled.is_set():
                return flying
            flight = Flight(order=order, changed=self._changed)
            self._flying[order.key] = flight
        thread = threading.Thread(target=self._fly, args=(flight,), name=f"stage {order.task.stage}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return flight

    def could_start(self, order: Order) -> bool:
        """Tell whether a stage would start at once."""
        return not self._stopped and self.machine.fits(ask(order.options))

    def follow(self, flight: Flight) -> Iterator[Message | None]:
        """Yield what happens in a flight from its start until it has landed; None when another one has landed."""
        seen, landings = 0, self._landings
        while True:
            with self._changed:
                while len(flight.messages) == seen and not flight.landed and self._landings == landings:
                    self._changed.wait()
                fresh, landed = flight.messages[seen:], flight.landed
                news, landings = self._landings > landings, self._landings
            seen += len(fresh)
            yield from fresh
            if landed:
                return
            if news:
                yield None

    def wait(self, flight: Flight) -> None:
        """Wait until a flight has landed."""
        for _ in self.follow(flight):
            continue

    def cancel(self, flight: Flight) -> None:
        """Give up a flight that nobody wants any more."""
        flight.cancelled.set()
        self.machine.wake()

    def stop(self) -> None:
        """Kill what runs, and wait until it is gone."""
        if self._stopped:
            return
        self._stopped = True
        with self._changed:
            flying = list(self._flying.values())
        for flight in flying:
            self.cancel(flight)
        self.runner.close()
        for thread in self._threads:
            thread.join()

    def _fly(self, flight: Flight) -> None:
        order, record, error = flight.order, None, None
        began = time.monotonic()
        try:
            with self.machine.given(ask(order.options), order.rank, flight.cancelled.is_set) as given:
                began = time.monotonic()
                record = self._attempts(flight) if given else None
        except BaseException as wrong:  # noqa: BLE001 - whoever follows raises it where it can be seen
            error = wrong
        if record is None and (error is None or flight.cancelled.is_set()):
            error = RunCancelled(Place(stage=order.task.stage))
        with self._changed:
            if self._flying.get(order.key) is flight:
                del self._flying[order.key]
            seconds = time.monotonic() - began
            flight.record = record and evolve(record, seconds=round(seconds, 3))
            flight.error, flight.seconds, flight.landed = error, seconds, True
            self._landings += 1
            self._changed.notify_all()

    def _attempts(self, flight: Flight) -> Record | None:
        order, failure = flight.order, None
        for attempt in range(int(order.options.get("retries", 0)) + 1):
            if flight.cancelled.is_set():
                return None
            flight.say(Message(kind="began", attempt=attempt, failure=failure))
            began, results = time.time_ns(), list[CellResult]()
            task = order.attempt(attempt, flight, results)
            failure = self.runner.run(task)
            if failure is None:
                left = json.loads(Path(task.job.result).read_text(encoding="utf-8"))
                return order.record(results, Said(left=left, began=began))
            if not retried(failure, order.options.get("retry-on")):
                break
        assert failure is not None
        raise failure


def retried(failure: Nb2ProdError, causes: str | None) -> bool:
    """Tell whether another attempt may end otherwise.

    Args:
        failure: Of the attempt.
        causes: Names of exceptions, `timeout` or `died`, separated by commas; None for all of them.
    """
    if isinstance(failure, CellFailed):
        names = {failure.name, *failure.name.split(".")[-1:]}
        return bool(names & set(_listed(causes))) if causes else failure.name not in _HOPELESS
    if isinstance(failure, StageTimedOut):
        return causes is None or "timeout" in _listed(causes)
    return isinstance(failure, KernelDied) and (causes is None or "died" in _listed(causes))


def _listed(causes: str | None) -> list[str]:
    return [part.strip() for part in (causes or "").split(",")]

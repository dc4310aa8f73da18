"""Execution: a pipeline carried out stage by stage, each reused when what it left is kept.

The stages are gone through in the notebook's order, and each is decided on what those above it really left. While one
runs, those further down that wait for nothing are run ahead on what is foreseen; what that gave is taken when their
turn comes, if all was as foreseen.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, evolve, field

from nb2prod import plan, schema
from nb2prod.errors.base import ArtifactCorrupt, ArtifactMissing, Nb2ProdError, Place, StoreError
from nb2prod.errors.runs import RunCancelled
from nb2prod.events import Event
from nb2prod.execution import recording
from nb2prod.execution.ahead import Ahead
from nb2prod.execution.decision import decide
from nb2prod.execution.scheduler import Order
from nb2prod.plan import World
from nb2prod.report import Outcome
from nb2prod.runners.base import Task
from nb2prod.runners.displays import Displays
from nb2prod.stage import untagged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.events import Listener
    from nb2prod.execution.decision import Context, Decision
    from nb2prod.execution.scheduler import Flight, Message, Scheduler
    from nb2prod.notebook import Cell
    from nb2prod.plan import Record
    from nb2prod.runners.base import CellResult


@define(kw_only=True)
class Execution:
    """A run in progress. `document` is the notebook's JSON, filled with outputs as they come."""

    context: Context
    document: dict[str, Any]
    scheduler: Scheduler
    workspace: Path  # for the files between this process and the stages'
    listen: Listener
    early: bool = True  # run stages ahead of their turn
    world: World = field(factory=World)
    outcomes: list[Outcome] = field(factory=list)
    keys: dict[str, str] = field(factory=dict)  # stage → key of what it left
    error: Nb2ProdError | None = None
    _ahead: Ahead = field(init=False)
    _displays: Displays = field(init=False)

    def run(self) -> None:
        """Carry out every stage; afterwards `error` says why it stopped, if it did."""
        self._all()
        if isinstance(self.error, ArtifactMissing | ArtifactCorrupt):
            # What was damaged is set aside by now, so that the stages that made it run again.
            self.world, self.outcomes, self.keys, self.error = World(), [], {}, None
            self._all()

    def _all(self) -> None:
        _clear(self.document)
        self._displays = Displays()
        self._ahead = Ahead(context=self.context, scheduler=self.scheduler, order=self._order, idle=not self.early)
        reason = ""
        for position, flow in enumerate(self.context.pipeline.flows):
            if reason:
                self._outcome(Outcome(stage=flow.stage.name, action="skip", state="skipped", why=reason))
                continue
            began = time.monotonic()
            try:
                self._stage(position)
            except StoreError as wrong:
                self._failed(flow, wrong, time.monotonic() - began, "its result could not be kept")
            except KeyboardInterrupt:
                self.scheduler.stop()
                cancelled = RunCancelled(Place(stage=flow.stage.name))
                self._failed(flow, cancelled, time.monotonic() - began, "it was cancelled")
            if self.error is not None:
                reason = f"stage '{flow.stage.name}' above failed"
            elif flow.stage.name == self.context.until:
                reason = f"it comes after '{self.context.until}'"
        self._rest()

    def _stage(self, position: int) -> None:
        flow = self.context.pipeline.flows[position]
        decision = decide(position, self.context, self.world)
        if decision.record is not None and self._reuse(position, decision):
            return
        began = time.monotonic()
        why, replaces = decision.step.why, decision.key in self.context.store
        self.listen(Event(kind="stage", data=_stage_event(flow.stage.name, "running", why=why)))
        try:
            flight, shared = self._flown(position, decision)
        except Nb2ProdError as refused:
            self._failed(flow, refused, time.monotonic() - began, why)
            return
        if isinstance(flight.error, Nb2ProdError):
            self._failed(flow, flight.error, flight.seconds, why)
        elif flight.error is not None:
            raise flight.error
        elif flight.record is not None:
            if self._committed(position, decision, flight.record, replaces=replaces):
                return
            self._ahead.passed(flight.record)
            self._done(flow, decision, flight.record)
            if shared:
                step = evolve(decision.step, why="another run did the same at the same time")
                self._outcome(_outcome_of(evolve(decision, step=step), flight.record, "reuse", 0.0))
            else:
                self._outcome(_outcome_of(decision, flight.record, "run", flight.seconds))

    def _committed(self, position: int, decision: Decision, record: Record, *, replaces: bool) -> bool:
        """Keep a record; of two runs that commit a stage at once the first counts, and this one takes what it left.

        Args:
            position: Of the stage.
            decision: To run it.
            record: What it left.
            replaces: There was one that did not do when it was decided.

        Returns:
            Whether another's was taken.
        """
        data = schema.write_record(record)
        if replaces:
            self.context.store.put(decision.key, data)
            return False
        if self.context.store.commit(decision.key, data) == data:
            return False
        again = decide(position, self.context, self.world)
        if again.record is not None:
            step = evolve(again.step, why="another run did the same at the same time")
            if self._reuse(position, evolve(again, step=step)):
                return True
        self.context.store.put(decision.key, data)
        return False

    def _flown(self, position: int, decision: Decision) -> tuple[Flight, bool]:
        """Run a stage, or take what it did ahead, if that was the same work and holds.

        Returns:
            The flight, landed, and whether it is another run's, which does the same work.
        """
        order = self._order(position, decision, self.world)
        early = self._ahead.taken(position, order)
        if early is not None:
            self._follow(position, early)
            if self._ahead.holds(position):
                return early, False
            self._forget(self.context.pipeline.flows[position])
        flight = self.scheduler.start(order)
        self._follow(position, flight)
        return flight, flight.order is not order

    def _follow(self, position: int, flight: Flight) -> None:
        flow = self.context.pipeline.flows[position]
        self._ahead.look(position, self.world)
        for message in self.scheduler.follow(flight):
            if message is None:
                self._ahead.look(position, self.world)
            elif message.kind == "began" and message.failure is not None:
                self._again(flow, message)
            elif message.result is not None:
                self._fill(position, message.result)
                state = "done" if message.result.ok else "failed"
                self.listen(_cell_event(flow, message.result.cell, state))
            elif message.cell is not None:
                self.listen(_cell_event(flow, message.cell, "running"))

    def _again(self, flow: StageFlow, message: Message) -> None:
        self._forget(flow)
        attempts = int(self.context.options(flow.stage).get("retries", 0)) + 1
        assert message.failure is not None
        why = f"attempt {message.attempt + 1} of {attempts}: {message.failure.message}"
        self.listen(Event(kind="stage", data=_stage_event(flow.stage.name, "running", why=why)))

    def _forget(self, flow: StageFlow) -> None:
        for cell in _running(flow):
            self.document["cells"][cell.index].update(outputs=[], execution_count=None)

    def _reuse(self, position: int, decision: Decision) -> bool:
        flow, record = self.context.pipeline.flows[position], decision.record
        assert record is not None
        try:
            outputs = json.loads(self.context.store.get(record.outputs))
        except StoreError:
            return False
        for number, (cell, shown) in enumerate(zip(_running(flow), outputs, strict=True)):
            self._show(cell, shown, self._above(position) + number + 1)
        self._done(flow, decision, record)
        self._outcome(_outcome_of(decision, record, "reuse", 0.0))
        return True

    def _done(self, flow: StageFlow, decision: Decision, record: Record) -> None:
        self.keys[flow.stage.name] = decision.key
        self.world = plan.after(self.world, flow, record)

    def _failed(self, flow: StageFlow, error: Nb2ProdError, seconds: float, why: str) -> None:
        self.error = error
        self.listen(Event(kind="error", data=schema.error(error)))
        self._outcome(Outcome(stage=flow.stage.name, action="run", state="failed", why=why, seconds=seconds))

    def _outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        data = _stage_event(outcome.stage, outcome.state, outcome.why, outcome.seconds, outcome.bytes)
        self.listen(Event(kind="stage", data=data))

    def _rest(self) -> None:
        """Keep what was begun ahead and is worth it, so that the next run has it."""
        try:
            for key, record in self._ahead.rest():
                with contextlib.suppress(StoreError):  # the run says what is wrong with the store, if it is wrong
                    self.context.store.put(key, schema.write_record(record))
        except KeyboardInterrupt:
            self.scheduler.stop()

    def _order(self, position: int, decision: Decision, world: World) -> Order:
        flow = self.context.pipeline.flows[position]
        options = self.context.options(flow.stage)
        job = recording.job(position, self.context, decision, world, count=self._above(position))
        # What a stage was run ahead on may turn out wrong, so that it runs again: its files have names of their own.
        name = f"{position}-{decision.key[-8:]}"
        task = Task(
            stage=flow.stage.name,
            cells=_running(flow),
            kernel=self.context.kernel,
            folder=self.context.folder,
            job=evolve(job, result=str(self.workspace / f"{name}.result")),
            job_file=self.workspace / f"{name}.job",
            overflow=self.workspace / f"{name}.output",
            timeout=options.get("timeout"),
            stage_timeout=options.get("stage-timeout"),
            memory=options.get("memory"),
            cpus=options.get("cpus"),
            gpus=options.get("gpus"),
            last=position == len(self.context.pipeline.flows) - 1,
            started=lambda _: None,
            finished=lambda _: None,
        )
        return Order(
            key=decision.key,
            rank=position,
            options=options,
            task=task,
            record=lambda results, said: recording.record(position, self.context, decision, results, said),
        )

    def _above(self, position: int) -> int:
        """Return the execution count above a stage, as if the notebook was run straight through."""
        return sum(len(_running(flow)) for flow in self.context.pipeline.flows[:position])

    def _fill(self, position: int, result: CellResult) -> None:
        number = _running(self.context.pipeline.flows[position]).index(result.cell) + 1
        self._show(result.cell, result.outputs, self._above(position) + number)

    def _show(self, cell: Cell, outputs: Sequence[Mapping[str, Any]], number: int) -> None:
        raw = self.document["cells"][cell.index]
        raw["execution_count"], raw["outputs"] = number, self._displays.settle(outputs)
        for output in raw["outputs"]:
            if output.get("output_type") == "execute_result":
                output["execution_count"] = number


def _outcome_of(decision: Decision, record: Record, action: Literal["run", "reuse"], seconds: float) -> Outcome:
    return Outcome(
        stage=decision.step.stage,
        action=action,
        state="done" if action == "run" else "reused",
        why=decision.step.why,
        seconds=seconds,
        bytes=record.bytes,
    )


def _running(flow: StageFlow) -> tuple[Cell, ...]:
    return tuple(cell for cell in flow.stage.code_cells if untagged(cell.source).strip())


def _clear(document: dict[str, Any]) -> None:
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def _stage_event(stage: str, state: str, why: str, seconds: float = 0.0, size: int = 0) -> dict[str, Any]:
    return {"stage": stage, "state": state, "why": why, "seconds": round(seconds, 3), "bytes": size}


def _cell_event(flow: StageFlow, cell: Cell, state: str) -> Event:
    return Event(kind="cell", data={"cell": cell.index, "cell_id": cell.id, "stage": flow.stage.name, "state": state})

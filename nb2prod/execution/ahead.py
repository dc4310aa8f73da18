"""Ahead: stages that run before their turn, on what is foreseen of the world above them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from nb2prod import environment
from nb2prod.dataflow import effects, preload
from nb2prod.dataflow.effects import Effects
from nb2prod.execution.decision import foresee
from nb2prod.execution.recording import CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nb2prod.execution.decision import Context, Decision, Foreseen
    from nb2prod.execution.scheduler import Flight, Order, Scheduler
    from nb2prod.plan import Record, World

# Kinds of values through which code reads and writes files without naming them.
_OUTSIDE = ("_io.", "gzip.", "h5py.", "logging.", "numpy.memmap", "sqlite3.", "tables.", "zipfile.")
_FAR = 40  # stages to look ahead, which bounds what looking costs in a long notebook


@frozen(kw_only=True)
class _Early:
    """A stage that runs ahead."""

    flight: Flight
    decision: Decision
    reads: bool  # whether it may read files
    writers: int  # stages that had written files when it began


@define(kw_only=True)
class Ahead:
    """The stages of one run that run ahead.

    A stage is run ahead only when running it twice is harmless: it is seen, by its code or by what it did the last
    time, to write no files and run no programs. One that reads files does not pass one that writes some.
    """

    context: Context
    scheduler: Scheduler
    order: Callable[[int, Decision, World], Order]
    idle: bool = False  # run nothing ahead
    _early: dict[int, _Early] = field(factory=dict, init=False)
    _known: dict[int, Effects] = field(factory=dict, init=False)  # by position of the stage that runs
    _writers: int = field(default=0, init=False)  # stages that wrote files in this run

    def look(self, position: int, world: World) -> None:
        """Start what can run while the stage at `position` does; `world` is what is known above it."""
        if self.idle or self.scheduler.machine.jobs < 2 or self._unsettled(position, world):
            return
        above, pending = Effects(), set[str]()
        for item in foresee(self.context, world, position, self._done()):
            stage = self.context.pipeline.stages[item.position]
            if item.position - position > _FAR or self.context.until in pending:
                return
            its = self._effects(item)
            if item.position > position:
                self._consider(item, its, above, pending)
            if its.programs or (its.unsure and item.position not in self._done()):
                return  # it may change anything
            above, pending = above | its, pending | {stage.name}

    def _unsettled(self, position: int, world: World) -> bool:
        """Say whether the first stage imports libraries for the first time: all below begin in the state it leaves."""
        flow = self.context.pipeline.flows[position]
        first = world.ambient is None and self.context.seen(flow) is None
        return first and bool(preload.modules(flow.stage.code_cells))

    def _done(self) -> dict[int, Decision]:
        return {
            at: evolve(early.decision, record=early.flight.record)
            for at, early in self._early.items()
            if early.flight.landed and early.flight.record is not None
        }

    def _consider(self, item: Foreseen, its: Effects, above: Effects, pending: set[str]) -> None:
        """Start a stage, if it is one to run ahead; what was started on other expectations is given up."""
        early = self._early.get(item.position)
        if early is not None:
            if item.decision is not None and early.decision.key == item.decision.key:
                return
            self.scheduler.cancel(self._early.pop(item.position).flight)
        stage = self.context.pipeline.stages[item.position]
        if item.decision is None or item.decision.record is not None or not its.none:
            return
        if above.state or (its.reads and above.writes) or pending & set(stage.after):
            return
        order = self.order(item.position, item.decision, item.world)
        if self.scheduler.could_start(order):
            flight = self.scheduler.start(order)
            early = _Early(flight=flight, decision=item.decision, reads=its.reads, writers=self._writers)
            self._early[item.position] = early

    def _effects(self, item: Foreseen) -> Effects:
        """Return what a stage may do: by its code, and by what it did when the same code ran last."""
        if item.decision is not None and item.decision.record is not None:
            return Effects()  # it does not run
        if item.position not in self._known:
            self._known[item.position] = self._looked(item.position)
        found = self._known[item.position]
        given = item.decision.inputs.artifacts if item.decision else ()
        outside = any(kind.startswith(_OUTSIDE) for artifact in given for kind in artifact.kinds)
        return evolve(found, reads=True, writes=True) if outside else found

    def _looked(self, position: int) -> Effects:
        flow, found = self.context.pipeline.flows[position], effects.of(position, self.context.pipeline.flows)
        last = self.context.seen(flow)
        if last is not None:
            return evolve(found, writes=bool(last.files), reads=found.reads or bool(last.read), state=False)
        if environment.local(effects.roots(flow), self.context.folder):
            return evolve(found, writes=True, reads=True, state=True)  # nobody has looked into these modules
        return found

    def passed(self, record: Record) -> None:
        """Note that a stage has run."""
        self._writers += bool(record.files)

    def taken(self, position: int, order: Order) -> Flight | None:
        """Return the flight of a stage whose turn has come, if it is of the same work."""
        early = self._early.get(position)
        if early is None:
            return None
        if early.flight.order.same(order):
            return early.flight
        self.scheduler.cancel(self._early.pop(position).flight)
        return None

    def holds(self, position: int) -> bool:
        """Tell whether what a stage did ahead is what it would do now; it is forgotten in any case."""
        early = self._early.pop(position)
        record = early.flight.record
        disturbed = early.writers != self._writers
        if record is None:
            return not disturbed
        return CHANGED not in record.read.values() and not (disturbed and (early.reads or record.read))

    def rest(self) -> Iterator[tuple[str, Record]]:
        """Wait for what still runs ahead when the run has failed, and yield what is worth keeping, with its key."""
        for position, early in list(self._early.items()):
            self.scheduler.wait(early.flight)
            if self.holds(position) and early.flight.record is not None:
                yield early.decision.key, early.flight.record

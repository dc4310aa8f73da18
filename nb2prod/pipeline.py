"""Pipeline: stages joined where one reads what another leaves."""

from __future__ import annotations

import ast
import gc
import threading
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from nb2prod import dataflow
from nb2prod.dataflow import Unparsable, history, makers
from nb2prod.dataflow.stage_flow import Above, deferred, merge
from nb2prod.stage import code, split, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nb2prod.dataflow.stage_flow import StageFlow, Use
    from nb2prod.errors.base import Place
    from nb2prod.notebook import Cell, Notebook
    from nb2prod.stage import Stage


DECLARED = "a tag says that it comes after"


@frozen(kw_only=True)
class Reason:
    """Why one name crosses from a stage to another: how the one leaves it and the other reads it."""

    left: Use
    read: Use | None  # None where code reads it that cannot be seen, such as `globals()[...]`

    @property
    def name(self) -> str:
        """The name."""
        return self.left.name

    def __str__(self) -> str:
        by = f" by `{self.left.by}`" if self.left.by else ""
        left = f"`{self.name}` is {self.left.how}{by} in {_short(self.left.place)}"
        if self.read is None:
            return f"{left}, and may be read by code that cannot be seen"
        when = f"looked up when `{self.read.by}` is called" if self.read.by else "read"
        return f"{left}, and {when} in {_short(self.read.place)}"


@frozen(kw_only=True)
class Edge:
    """Names that one stage leaves and another reads, and why; none where a tag alone says that one comes after."""

    source: str
    target: str
    reasons: tuple[Reason, ...]  # by name
    declared: bool = False  # by `--after`, or Kale's `prev:`

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in their order."""
        return tuple(reason.name for reason in self.reasons)

    @property
    def why(self) -> str:
        """The reasons in a sentence."""
        return "; ".join([*map(str, self.reasons), *([DECLARED] if self.declared else [])])


@frozen(kw_only=True)
class Parameter:
    """A name set in a cell tagged `parameters`: its default as source."""

    name: str
    value: str
    cell: int  # index


@frozen(kw_only=True)
class Pipeline:
    """The stages of one notebook, the edges between them, and what each does with names."""

    notebook: Notebook
    stages: tuple[Stage, ...]
    flows: tuple[StageFlow, ...]  # one a stage, same order
    edges: tuple[Edge, ...]
    parameters: tuple[Parameter, ...]

    def uses(self) -> Iterator[tuple[Cell, Edge, tuple[str, ...]]]:
        """Yield for each cell what it takes from earlier stages: along which edge, and which of its names."""
        flows = {flow.stage.name: flow for flow in self.flows}
        for edge in self.edges:
            crossing = edge.names
            for item in flows[edge.target].cells:
                at = (item.flow.reads, item.flow.anonymous.reads, item.flow.touches)
                if names := tuple(n for n in crossing if n in at[0] or n in at[1] or n in at[2]):
                    yield item.cell, edge, names

    def keep(self, position: int, wanted: Iterable[str] = ()) -> frozenset[str]:
        """Return the names that must outlive the stage at `position`: read below it, by any definition, or `wanted`."""
        below = {name for flow in self.flows[position + 1 :] for name in flow.reads}
        if any(flow.opaque for flow in self.flows[position + 1 :]):
            below |= {name for flow in self.flows[: position + 1] for name in flow.leaves}
        return frozenset(below | self._called | set(wanted))

    @cached_property
    def _called(self) -> frozenset[str]:
        """What functions look up when called, what is said again in each stage, and classes, which objects look up."""
        again = [dataflow.analyse(code) for flow in self.flows for code in flow.registers]
        cells = [*again, *(item.flow for flow in self.flows for item in flow.cells)]
        return frozenset(name for flow in cells for body in deferred(flow) for name in body.reads).union(
            *(flow.reads for flow in again), *(flow.classes for flow in cells)
        )


def build(notebook: Notebook) -> Pipeline:
    """Infer the pipeline of a notebook, without running anything."""
    above = Above()
    with _uncollected():
        flows = list(_joined(makers.linked(history.linked([merge(stage, above) for stage in split(notebook)]))))
    return Pipeline(
        notebook=notebook,
        stages=tuple(flow.stage for flow in flows),
        flows=tuple(flows),
        edges=tuple(_edges(flows)),
        parameters=tuple(_parameters(notebook)),
    )


_alone = threading.Lock()  # else one thread would take another's state of the collector for the process's


@contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage: trees of code are many objects and none of them garbage, which takes a third of the time."""
    with _alone:
        collects = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            (gc.enable if collects else gc.disable)()


def _joined(flows: list[StageFlow]) -> Iterator[StageFlow]:
    """Tell each stage what it takes from those above it and leaves for those below it."""
    wanted: set[str] = set()
    writes = []
    for flow in reversed(flows):
        writes.append(frozenset(wanted & flow.leaves.keys()))
        wanted |= flow.reads.keys()
    above: set[str] = set()
    for flow, left in zip(flows, reversed(writes), strict=True):
        reads = frozenset(above if flow.opaque else above & flow.reads.keys())
        yield evolve(flow, stage=evolve(flow.stage, reads=reads, writes=left))
        above |= flow.leaves.keys()


def _edges(flows: Iterable[StageFlow]) -> Iterator[Edge]:
    writers: dict[str, StageFlow] = {}  # name → the last stage so far that leaves it
    order: dict[str, int] = {}
    for position, reader in enumerate(flows):
        reasons: dict[str, list[Reason]] = {}
        for name in sorted(reader.stage.reads):
            left = writers[name].leaves[name]
            reasons.setdefault(writers[name].stage.name, []).append(Reason(left=left, read=reader.reads.get(name)))
        declared = order.keys() & set(reader.stage.after)
        for source in sorted(reasons.keys() | declared, key=order.__getitem__):
            found = tuple(reasons.get(source, ()))
            yield Edge(source=source, target=reader.stage.name, reasons=found, declared=source in declared)
        writers.update(dict.fromkeys(reader.leaves, reader))
        order[reader.stage.name] = position


def _short(place: Place) -> str:
    return f"cell {(place.cell or 0) + 1}" + (f", line {place.line}" if place.line is not None else "")


def _parameters(notebook: Notebook) -> Iterator[Parameter]:
    """Yield the parameters that plain assignments in cells tagged `parameters` declare."""
    for cell in notebook.cells:
        tag = tag_of(cell) if cell.kind == "code" and "injected-parameters" not in cell.tags else None
        if tag is None or not (tag.role == "parameters" or "parameters" in cell.tags):
            continue
        try:
            statements = dataflow.parse(code(cell)).body
        except Unparsable:
            continue
        for statement in statements:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    yield Parameter(name=name, value=ast.unparse(value), cell=cell.index)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    yield Parameter(name=name, value=ast.unparse(value), cell=cell.index)

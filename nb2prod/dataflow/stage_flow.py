"""Stage flow: what the cells of a stage, taken together, do with names, and where each is first seen."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from attrs import define, evolve, field, frozen

from nb2prod import dataflow
from nb2prod.dataflow import Deferred, Flow, Unparsable
from nb2prod.errors.base import Place
from nb2prod.stage import code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nb2prod.dataflow import Import
    from nb2prod.notebook import Cell
    from nb2prod.stage import Stage

How = Literal["set", "changed in place", "read", "read when called"]


@frozen(kw_only=True)
class CellFlow:
    """A code cell with what it does with names, or why it cannot be parsed."""

    cell: Cell
    flow: Flow
    fault: Unparsable | None = None

    def use(self, name: str, line: int | None, how: How) -> Use:
        """Return how a name is used in this cell, outside of any stage."""
        return Use(name=name, place=Place(cell=self.cell.index, cell_id=self.cell.id, line=line), how=how)


@frozen(kw_only=True)
class Use:
    """A name in a stage: how it is used, where it is first seen, and by which call, if it is a call that does it."""

    name: str
    place: Place
    how: How
    by: str = ""  # `clean(df)` where the call changes it, `f` where calling f looks it up


@frozen(kw_only=True)
class StageFlow:
    """What a whole stage does with names; `reads` may come from above, `leaves` are set or changed."""

    stage: Stage
    cells: tuple[CellFlow, ...]
    reads: Mapping[str, Use]
    leaves: Mapping[str, Use]
    deletes: frozenset[str]
    imports: tuple[Import, ...]
    session: tuple[str, ...]
    registers: tuple[str, ...]
    patches: Mapping[str, Use]  # attributes of imported modules and classes that are set, as `module.name`
    opaque: Place | None
    results: frozenset[str] = frozenset()  # results of cells above that it reads, as `_` or `_12`
    above: tuple[str, ...] = ()  # sources of the cells above, if it reads what was typed there


Definitions = dict[str, Deferred]  # functions and classes, by name: what they do when they are called


@define
class Above:
    """What the stages above have defined, imported and left, while a notebook is read from top to bottom."""

    definitions: Definitions = field(factory=dict)
    imported: set[str] = field(factory=set)
    lazy: bool = False  # annotations are not evaluated
    left: set[str] = field(factory=set)


def merge(stage: Stage, above: Above) -> StageFlow:
    """Merge the flows of a stage's cells, and add what it defines, imports and leaves to `above`."""
    found = _merged(stage, above.definitions, lazy=above.lazy)
    reads = {**_mentioned(found, above), **_unpickled(found, above), **found.reads}
    above.definitions, above.lazy = found.definitions, found.lazy
    # What is changed in a module (`plt.rcParams[...] = 1`) travels with the state of the process, not as a value; and
    # what nobody has set is a builtin.
    above.imported.update(name for item in found.cells for i in item.flow.imports for name in i.names)
    set_here = {name for name, use in found.leaves.items() if use.how == "set"}
    known = (set_here | above.left) - above.imported
    leaves = {name: use for name, use in found.leaves.items() if use.how == "set" or name in known}
    above.left.update(leaves)
    return StageFlow(
        stage=stage,
        cells=found.cells,
        reads=reads,
        leaves=leaves,
        deletes=frozenset(found.deletes),
        imports=tuple(i for c in found.cells for i in c.flow.imports),
        session=tuple(s for c in found.cells for s in c.flow.session),
        registers=tuple(code for c in found.cells for root, code in c.flow.registers if root in above.imported),
        patches={name: use for name, use in found.patches.items() if name.partition(".")[0] in above.imported},
        opaque=found.opaque,
    )


def _mentioned(found: _Merging, above: Above) -> dict[str, Use]:
    """Return the names in formulas that the stages above have set; the others are columns."""
    known = above.left | above.imported
    uses = ((item, name, line) for item in found.cells for name, line in item.flow.mentions.items() if name in known)
    return {name: evolve(item.use(name, line, "read"), by="a formula") for item, name, line in uses}


def _unpickled(found: _Merging, above: Above) -> dict[str, Use]:
    """Return the functions and classes above, if objects may be made from bytes that only name them."""
    reader = next(((item, item.flow.unpickles) for item in found.cells if item.flow.unpickles), None)
    if reader is None:
        return {}
    names = above.definitions.keys() & above.left
    return {name: evolve(reader[0].use(name, reader[1], "read"), by="what is unpickled") for name in sorted(names)}


def deferred(flow: Flow) -> Iterator[Deferred]:
    """Yield what a cell's functions, classes and lambdas do when they are called."""
    yield from flow.definitions.values()
    yield flow.anonymous


def _cell_flow(cell: Cell, *, lazy: bool) -> CellFlow:
    try:
        return CellFlow(cell=cell, flow=dataflow.analyse(code(cell), lazy=lazy))
    except Unparsable as fault:
        return CellFlow(cell=cell, flow=Flow(), fault=fault)


@define
class _Memory:
    """What some cells came to, and the definitions above them that it was found with."""

    found: tuple[Definitions, _Merging | None] = field(factory=lambda: ({}, None))


@lru_cache(maxsize=512)
def _memory(_stage: str, _cells: tuple[Cell, ...], _lazy: bool) -> _Memory:  # noqa: FBT001 - one key of three
    return _Memory()


def _merged(stage: Stage, definitions: Definitions, *, lazy: bool) -> _Merging:
    """Merge a stage's cells; while somebody types, most are as they were, below the same definitions."""
    memory = _memory(stage.name, stage.code_cells, lazy)
    above, found = memory.found  # at once: another thread may be writing
    if found is not None and above == definitions:
        return found
    merging = _Merging(stage=stage.name, definitions=dict(definitions), lazy=lazy)
    for cell in stage.code_cells:
        merging.add(_cell_flow(cell, lazy=merging.lazy))
    memory.found = definitions, merging
    return merging


@define(kw_only=True)
class _Merging:
    """A stage's flow as far as its cells have been read; the first use of a name counts."""

    stage: str
    definitions: Definitions  # of the notebook so far
    lazy: bool  # annotations are not evaluated
    cells: tuple[CellFlow, ...] = ()
    reads: dict[str, Use] = field(factory=dict)
    leaves: dict[str, Use] = field(factory=dict)
    patches: dict[str, Use] = field(factory=dict)
    bound: set[str] = field(factory=set)
    deletes: set[str] = field(factory=set)
    opaque: Place | None = None

    def add(self, item: CellFlow) -> None:
        """Add the stage's next cell."""
        flow = item.flow
        self.cells += (item,)
        self.lazy = self.lazy or any(i.root == "__future__" and "annotations" in i.names for i in flow.imports)
        self.definitions.update(flow.definitions)
        for name in (flow.binds.keys() & self.definitions.keys()) - flow.definitions.keys():
            del self.definitions[name]
        for name, line, how, by in self._reads(flow):
            if name not in self.bound and name not in self.reads:
                self.reads[name] = self._use(item, name, line, how, by)
        for name, line, how, by in self._leaves(flow):
            if name not in self.leaves:
                self.leaves[name] = self._use(item, name, line, how, by)
        for name, line in flow.patches.items():
            self.patches[name] = self._use(item, name, line, "set")
        self.bound |= flow.definite
        self.bound -= flow.deletes.keys()
        self.deletes = (self.deletes | flow.deletes.keys()) - flow.definite
        line = flow.opaque or next(self._unseen(flow), None)
        if line and self.opaque is None:
            self.opaque = self._use(item, "", line, "set").place

    def _unseen(self, flow: Flow) -> Iterator[int | None]:
        """Yield the lines of a cell where it may call what runs code that cannot be seen."""
        if any(found.opaque for found in self.definitions.values()):
            entries = self.definitions.keys() & (flow.loads.keys() | flow.anonymous.reads.keys())
            yield from (_line(flow, entry) for entry in entries for _, found in self._called([entry]) if found.opaque)

    def _called(self, names: Iterable[str]) -> Iterator[tuple[str, Deferred]]:
        """Yield the definitions that `names` may call, transitively."""
        pending, seen = list(names), set[str]()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                found = self.definitions[name]
                yield name, found
                pending.extend(found.reads.keys() & self.definitions.keys())

    def _use(self, item: CellFlow, name: str, line: int | None, how: How, by: str = "") -> Use:
        place = Place(cell=item.cell.index, cell_id=item.cell.id, line=line, stage=self.stage)
        return Use(name=name, place=place, how=how, by=by)

    def _reads(self, flow: Flow) -> Iterator[tuple[str, int | None, How, str]]:
        for name, line in flow.reads.items():
            yield name, line, "read", ""
        for name, line in flow.anonymous.reads.items():
            yield name, line, "read when called", "a lambda"
        for entry in (flow.loads.keys() | flow.anonymous.reads.keys()) & self.definitions.keys():
            bound = frozenset() if entry in flow.anonymous.reads else flow.loads[entry].bound
            for caller, found in self._called([entry]):
                for name in found.reads.keys() - bound:
                    yield name, _line(flow, entry), "read when called", caller

    def _leaves(self, flow: Flow) -> Iterator[tuple[str, int | None, How, str]]:
        for name, line in flow.binds.items():
            yield name, line, "set", ""
        for name, line in flow.touches.items():
            yield name, line, "changed in place", ""
        entries = self.definitions.keys() & (flow.loads.keys() | flow.anonymous.reads.keys())
        for caller, found in (("a lambda", flow.anonymous), *self._called(entries)):
            for name in found.binds:
                yield name, _line(flow, caller), "set", caller
            for name in found.touches:
                yield name, _line(flow, caller), "changed in place", caller
        for call in flow.calls:
            touched = self.definitions[call.function].touched_params if call.function in self.definitions else ()
            for parameter, argument in (*enumerate(call.args), *call.named.items()):
                if argument is not None and parameter in touched:
                    yield argument, call.line, "changed in place", str(call)


def _line(flow: Flow, name: str) -> int | None:
    return flow.loads[name].line if name in flow.loads else flow.anonymous.reads.get(name)

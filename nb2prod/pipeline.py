"""Pipeline: stages joined where one reads what another leaves."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from attrs import define, evolve, field, frozen

from nb2prod import dataflow
from nb2prod.dataflow import Deferred, Flow, Unparsable
from nb2prod.errors import Place
from nb2prod.stage import Stage, code, split, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nb2prod.dataflow import Import
    from nb2prod.notebook import Cell, Notebook


@frozen(kw_only=True)
class Edge:
    """Names that one stage leaves and another reads, and why."""

    source: str
    target: str
    names: tuple[str, ...]
    why: str


@frozen(kw_only=True)
class Parameter:
    """A name set in a cell tagged `parameters`: its default as source."""

    name: str
    value: str


@frozen(kw_only=True)
class CellFlow:
    """A code cell with what it does with names, or why it cannot be parsed."""

    cell: Cell
    flow: Flow
    fault: Unparsable | None = None


How = Literal["set", "changed in place", "read", "read when called"]


@frozen(kw_only=True)
class Use:
    """A name in a stage: how it is used and where it is first seen."""

    name: str
    place: Place
    how: How


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
            for item in flows[edge.target].cells:
                seen = {*item.flow.reads, *item.flow.anonymous.reads, *item.flow.touches}
                names = tuple(name for name in edge.names if name in seen)
                if names:
                    yield item.cell, edge, names

    def keep(self, position: int, wanted: Iterable[str] = ()) -> frozenset[str]:
        """Return the names that must outlive the stage at `position`: read below it, by any definition, or `wanted`."""
        below = {name for flow in self.flows[position + 1 :] for name in flow.reads}
        if any(flow.opaque for flow in self.flows[position + 1 :]):
            below |= {name for flow in self.flows[: position + 1] for name in flow.leaves}
        called = {name for flow in self.flows for c in flow.cells for d in _deferred(c.flow) for name in d.reads}
        return frozenset(below | called | set(wanted))


@define
class _Definitions:
    """The notebook's functions and classes so far, by name: what they do with globals when called."""

    known: dict[str, Deferred] = field(factory=dict)

    def called(self, names: Iterable[str]) -> Iterator[Deferred]:
        """Yield the definitions that `names` may call, transitively."""
        pending, seen = list(names), set[str]()
        while pending:
            name = pending.pop()
            if name in seen or name not in self.known:
                continue
            seen.add(name)
            yield self.known[name]
            pending.extend(self.known[name].reads)


def build(notebook: Notebook) -> Pipeline:
    """Infer the pipeline of a notebook, without running anything."""
    definitions = _Definitions()
    flows: list[StageFlow] = []
    for stage in split(notebook):
        flows.append(_stage_flow(stage, definitions, flows))
    stages = []
    for position, flow in enumerate(flows):
        above = {name for other in flows[:position] for name in other.leaves}
        below = {name for other in flows[position + 1 :] for name in other.reads}
        stages.append(
            evolve(
                flow.stage,
                reads=frozenset(above if flow.opaque else above & set(flow.reads)),
                writes=frozenset(below & set(flow.leaves)),
            )
        )
    flows = [evolve(flow, stage=stage) for flow, stage in zip(flows, stages, strict=True)]
    return Pipeline(
        notebook=notebook,
        stages=tuple(stages),
        flows=tuple(flows),
        edges=tuple(_edges(flows)),
        parameters=tuple(_parameters(notebook)),
    )


def _stage_flow(stage: Stage, definitions: _Definitions, above: list[StageFlow]) -> StageFlow:
    cells = tuple(_cell_flow(cell) for cell in stage.code_cells)
    reads: dict[str, Use] = {}
    leaves: dict[str, Use] = {}
    bound: set[str] = set()
    deletes: set[str] = set()
    opaque: Place | None = None
    for item in cells:
        flow, place = item.flow, _Placer(stage.name, item.cell)
        definitions.known.update(flow.definitions)
        for name in set(flow.binds) - set(flow.definitions):
            definitions.known.pop(name, None)
        for name, line, how in _reads(flow, definitions):
            if name not in bound and name not in reads:
                reads[name] = Use(name=name, place=place(line), how=how)
        for name, line, how in _leaves(flow, definitions):
            if name not in leaves:
                leaves[name] = Use(name=name, place=place(line), how=how)
        bound |= flow.definite
        bound -= set(flow.deletes)
        deletes = (deletes | set(flow.deletes)) - flow.definite
        opaque = opaque or (place(flow.opaque) if flow.opaque else None)
    # What is changed in a module (`plt.rcParams[...] = 1`) travels with the state of the process, not as a value; and
    # what nobody has set is a builtin.
    imported = {
        name
        for flow in (*(f for other in above for f in other.cells), *cells)
        for i in flow.flow.imports
        for name in i.names
    }
    set_here = {name for name, use in leaves.items() if use.how == "set"}
    known = {*set_here, *(name for other in above for name in other.leaves)} - imported
    for name in [n for n, use in leaves.items() if use.how == "changed in place" and n not in known]:
        del leaves[name]
    return StageFlow(
        stage=stage,
        cells=cells,
        reads=reads,
        leaves=leaves,
        deletes=frozenset(deletes),
        imports=tuple(i for c in cells for i in c.flow.imports),
        session=tuple(s for c in cells for s in c.flow.session),
        registers=tuple(code for c in cells for root, code in c.flow.registers if root in imported),
        patches=_patches(stage, cells, imported),
        opaque=opaque,
    )


def _patches(stage: Stage, cells: Iterable[CellFlow], imported: set[str]) -> dict[str, Use]:
    return {
        name: Use(name=name, place=_Placer(stage.name, item.cell)(line), how="set")
        for item in cells
        for name, line in item.flow.patches.items()
        if name.partition(".")[0] in imported
    }


@frozen
class _Placer:
    stage: str
    cell: Cell

    def __call__(self, line: int | None) -> Place:
        return Place(cell=self.cell.index, cell_id=self.cell.id, line=line, stage=self.stage)


def _cell_flow(cell: Cell) -> CellFlow:
    try:
        return CellFlow(cell=cell, flow=dataflow.analyse(code(cell)))
    except Unparsable as fault:
        return CellFlow(cell=cell, flow=Flow(), fault=fault)


def _deferred(flow: Flow) -> Iterator[Deferred]:
    yield from flow.definitions.values()
    yield flow.anonymous


def _reads(flow: Flow, definitions: _Definitions) -> Iterator[tuple[str, int | None, How]]:
    for name, line in flow.reads.items():
        yield name, line, "read"
    for name in flow.anonymous.reads:
        yield name, None, "read when called"
    entries = {**flow.loads, **dict.fromkeys(flow.anonymous.reads, frozenset[str]())}
    for entry in entries.keys() & definitions.known.keys():
        bound = entries[entry]
        for deferred in definitions.called([entry]):
            for name in deferred.reads:
                if name not in bound:
                    yield name, None, "read when called"


def _leaves(flow: Flow, definitions: _Definitions) -> Iterator[tuple[str, int | None, How]]:
    for name, line in flow.binds.items():
        yield name, line, "set"
    for name, line in flow.touches.items():
        yield name, line, "changed in place"
    entries = definitions.known.keys() & {*flow.loads, *flow.anonymous.reads}
    for deferred in (flow.anonymous, *definitions.called(entries)):
        for name in deferred.binds:
            yield name, None, "set"
        for name in deferred.touches:
            yield name, None, "changed in place"
    for function, args, by_name in flow.calls:
        touched = definitions.known[function].touched_params if function in definitions.known else set()
        passed = {*enumerate(args), *by_name.items()}
        for parameter, argument in passed:
            if argument is not None and parameter in touched:
                yield argument, None, "changed in place"


def _edges(flows: list[StageFlow]) -> Iterator[Edge]:
    for position, reader in enumerate(flows):
        names: dict[str, list[tuple[str, Use]]] = {}
        for name in reader.stage.reads:
            for writer in reversed(flows[:position]):
                if name in writer.leaves:
                    names.setdefault(writer.stage.name, []).append((name, writer.leaves[name]))
                    break
        order = {flow.stage.name: index for index, flow in enumerate(flows)}
        for source in sorted(names, key=order.__getitem__):
            found = sorted(names[source], key=lambda pair: pair[0])
            why = "; ".join(f"`{name}` is {use.how} in {_short(use.place)}" for name, use in found)
            yield Edge(source=source, target=reader.stage.name, names=tuple(n for n, _ in found), why=why)


def _short(place: Place) -> str:
    return str(evolve(place, stage=None))


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
                    yield Parameter(name=name, value=ast.unparse(value))
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    yield Parameter(name=name, value=ast.unparse(value))

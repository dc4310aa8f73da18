"""Rules: each looks for one kind of fault in a pipeline; its docstring is its page in the manual."""

from __future__ import annotations

import builtins
import itertools
import math
import re
import unicodedata
from typing import TYPE_CHECKING

from attrs import evolve

from nb2prod.checks import fixes, immutable, moving, packages
from nb2prod.checks.base import Finding
from nb2prod.dataflow import HISTORY, makers, unkept
from nb2prod.errors.base import Place
from nb2prod.stage import NAME, OPTIONS, code, declaration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nb2prod.checks.fixes import Fix
    from nb2prod.checks.packages import Package
    from nb2prod.dataflow.stage_flow import CellFlow, StageFlow
    from nb2prod.pipeline import Pipeline
    from nb2prod.stage import Stage

# What IPython adds to the builtins.
_GIVEN = frozenset(dir(builtins)) | {
    "get_ipython", "display", "In", "Out", "exit", "quit", "__name__", "__file__", "__doc__", "__builtins__",
    "__annotations__", "__spec__", "__loader__", "__package__",
}  # fmt: skip


def check(pipeline: Pipeline, imported: Iterable[Package] = ()) -> tuple[Finding, ...]:
    """Return what every rule finds, in the order of the cells; `imported` are packages that were looked up."""
    found = [evolve(finding, fixes=fixes.apart(finding.fixes)) for rule in RULES for finding in rule(pipeline)]
    found += packages.check(imported)
    return tuple(sorted(found, key=lambda f: (f.place.cell or 0, f.place.line or 0, f.code)))


def no_stages(pipeline: Pipeline) -> Iterator[Finding]:
    """NB101: the notebook has no code to run."""
    if not pipeline.stages:
        yield Finding(
            code="NB101",
            message="The notebook has no code cell to run.",
            cure="Write some code, and tag its cells with `%%stage name`.",
        )


def syntax(pipeline: Pipeline) -> Iterator[Finding]:
    """NB102: a cell is neither Python nor IPython."""
    for flow in pipeline.flows:
        for item in flow.cells:
            if item.fault is not None:
                yield Finding(
                    code="NB102",
                    message=f"The cell cannot be parsed: {item.fault.reason}.",
                    cure="Mend the syntax; if the cell is not code, make it Markdown or tag it 'skip'.",
                    place=_at(flow.stage, item.cell.index, item.cell.id, item.fault.line),
                    fixes=(fixes.skip(item.cell),),
                )


def undefined(pipeline: Pipeline) -> Iterator[Finding]:
    """NB103: a name is read that nothing above sets.

    Names that code sets out of sight (`from x import *`, `exec`, `%run`) cannot be judged, so below such code the rule
    is silent. Names that functions look up when they are called may be set anywhere in the notebook.
    """
    known = set(_GIVEN)
    anywhere = known | {name for flow in pipeline.flows for name in (*flow.leaves, *_imported(flow))}
    for flow in pipeline.flows:
        hidden = flow.opaque or any(i.star for i in flow.imports)
        left: dict[int | None, list[str]] = {}
        for name, use in flow.leaves.items():
            left.setdefault(use.place.cell, []).append(name)
        for item in flow.cells:
            for name, line in item.flow.reads.items():
                # A loop that runs zero times leaves its names unbound; that it does is for the run to find out.
                perhaps = item.flow.binds.get(name, math.inf) < line
                if name not in known and not hidden and not perhaps and not HISTORY.fullmatch(name):
                    place = _at(flow.stage, item.cell.index, item.cell.id, line)
                    near = () if name in anywhere else fixes.respell(item.cell, name, known - _GIVEN)
                    yield _undefined(name, place, near, elsewhere=name in anywhere)
            known.update(item.flow.binds, left.get(item.cell.index, ()), *(i.names for i in item.flow.imports))
        known |= {*flow.leaves, *_imported(flow)}
        if hidden:
            return


def _undefined(name: str, place: Place, near: tuple[Fix, ...], *, elsewhere: bool) -> Finding:
    cure = (
        "A cell below sets it: move that cell up, so that the notebook runs from top to bottom."
        if elsewhere
        else "Set it above, or correct the spelling; a deleted cell may have set it."
    )
    message = f"'{name}' is read, but nothing above sets it."
    return Finding(code="NB103", message=message, cure=cure, place=place, fixes=near)


def names_of_stages(pipeline: Pipeline) -> Iterator[Finding]:
    """NB104: a stage's name is no identifier in small letters; it is also the name of a file and of a function."""
    for stage in pipeline.stages:
        if NAME.fullmatch(stage.name):
            continue
        plain = unicodedata.normalize("NFKD", stage.name.casefold()).encode("ascii", "ignore").decode()  # größe: grosse
        better = re.sub(r"[^a-z0-9_]+", "_", plain).strip("_") or "stage"
        better = better if better[0].isalpha() else f"stage_{better}"
        yield Finding(
            code="NB104",
            message=f"'{stage.name}' is no name for a stage." if stage.name else "The stage has no name.",
            cure=f"Use small letters, digits and underscores, for instance '{better}'.",
            place=_first(stage),
            fixes=(fixes.rename_stage(pipeline, stage, better),),
        )


def stages_that_come_back(pipeline: Pipeline) -> Iterator[Finding]:
    """NB105: a stage's cells stand apart, with another stage between them."""
    seen: dict[str, Stage] = {}
    above: Stage | None = None
    for position, stage in enumerate(pipeline.stages):
        if stage.name in seen and above is not None:
            yield Finding(
                code="NB105",
                message=f"Stage '{stage.name}' has begun in cell {seen[stage.name].code_cells[0].index + 1} already, "
                f"and stage '{above.name}' stands between.",
                cure="Give one of the two another name, or move their cells together.",
                place=_first(stage),
                fixes=(
                    fixes.rename_stage(pipeline, stage, f"{stage.name}_2", everywhere=False),
                    fixes.merge(pipeline, pipeline.stages.index(seen[stage.name]), position),
                ),
            )
        seen.setdefault(stage.name, stage)
        above = stage


def order(pipeline: Pipeline) -> Iterator[Finding]:
    """NB106: stages wait for each other: `--after` names a stage that comes later, or one that is not there."""
    names = [stage.name for stage in pipeline.stages]
    for position, stage in enumerate(pipeline.stages):
        for name in stage.after:
            if name not in names:
                yield Finding(
                    code="NB106",
                    message=f"Stage '{stage.name}' shall run after '{name}', which is not there.",
                    cure=f"The stages are: {', '.join(names)}.",
                    place=_first(stage),
                    fixes=(fixes.forget_after(stage, name),),
                )
            elif names.index(name) >= position:
                yield Finding(
                    code="NB106",
                    message=f"Stages '{stage.name}' and '{name}' make a circle: '{stage.name}' shall run after "
                    f"'{name}', which stands below it.",
                    cure=f"Remove `--after {name}`, or move the stage down.",
                    place=_first(stage),
                    fixes=(fixes.forget_after(stage, name),),
                )


def empty_stages(pipeline: Pipeline) -> Iterator[Finding]:
    """NB107: a stage has no code."""
    for flow in pipeline.flows:
        if all(not code(cell).strip() for cell in flow.stage.code_cells) and flow.stage.tags:
            yield Finding(
                code="NB107",
                message=f"Stage '{flow.stage.name}' has no code.",
                cure="Write some, or remove the tag.",
                place=_first(flow.stage),
                severity="warning",
                fixes=(fixes.untag(flow.stage),),
            )


def unkeepable(pipeline: Pipeline) -> Iterator[Finding]:
    """NB108: a later stage reads a value that cannot be stored, nor made again as it is by then."""
    for maker in makers.makers(pipeline.flows):
        if maker.code is None and maker.kind != unkept.HANDLE:
            yield Finding(
                code="NB108",
                message=f"'{maker.name}' is {maker.kind}, which cannot be stored, and stage '{maker.reader}' reads it.",
                cure="Make it again where it is used: tag this cell 'setup', or merge the two stages.",
                place=maker.place,
                fixes=moving.together(pipeline, maker),
            )
    for flow in pipeline.flows:
        for item in (item for item in flow.cells if item.flow.traces):
            for name in sorted(flow.stage.reads & item.flow.traces.keys() & item.flow.reads.keys()):
                yield Finding(
                    code="NB108",
                    message=f"'{name}' comes from another process, which keeps where it was raised to itself.",
                    cure="Take its traceback as text where it is caught, or merge the two stages.",
                    place=_at(flow.stage, item.cell.index, item.cell.id, item.flow.traces[name]),
                )


def disagreement(pipeline: Pipeline) -> Iterator[Finding]:
    """NB109: a cell is tagged in two ways that name different stages; the line counts, then the metadata."""
    for stage in pipeline.stages:
        for cell, tag in stage.tags:
            if tag.others:
                yield Finding(
                    code="NB109",
                    message=f"The cell is in stage '{tag.name}' by one tag and in '{tag.others[0]}' by another.",
                    cure="Keep one of them: the `%%stage` line, the metadata, or the cell tag; this is their order.",
                    place=_at(stage, cell.index, cell.id, 1),
                    severity="warning",
                    fixes=tuple(fixes.keep(cell, name) for name in (tag.name, *tag.others)),
                )


def options(pipeline: Pipeline) -> Iterator[Finding]:
    """NB110: an option of a stage is unknown, or has a value of the wrong kind."""
    known = ", ".join(f"--{name}" for name in OPTIONS)
    for stage in pipeline.stages:
        for cell, tag in stage.tags:
            for fault in tag.faults:
                yield Finding(
                    code="NB110",
                    message=f"Stage '{tag.name}': {fault}.",
                    cure=f"The options are {known}.",
                    place=_at(stage, cell.index, cell.id, 1),
                    fixes=(fixes.keep_valid(cell),),
                )


def history(pipeline: Pipeline) -> Iterator[Finding]:
    """NB111: a stage reads the directories that the notebook went through, which stay in the process that did."""
    for flow in pipeline.flows[1:]:
        for item in flow.cells:
            if "_dh" in item.flow.reads:
                yield Finding(
                    code="NB111",
                    message="`_dh` holds the directories gone through, which may be another stage's.",
                    cure="Give the path a name where it is left, and read that name here.",
                    place=_at(flow.stage, item.cell.index, item.cell.id, item.flow.reads["_dh"]),
                )


def results(pipeline: Pipeline) -> Iterator[Finding]:
    """NB117: a stage changes a result of a cell above in place, which other names of it would not see."""
    for flow in (flow for flow in pipeline.flows if flow.results):
        for item in flow.cells:
            for name in sorted(flow.results & item.flow.touches.keys()):
                yield Finding(
                    code="NB117",
                    message=f"`{name}` is a result of a stage above, and is changed in place here.",
                    cure="Give the result a name where it is made, and change that.",
                    place=_at(flow.stage, item.cell.index, item.cell.id, item.flow.touches[name]),
                )


def hooks(pipeline: Pipeline) -> Iterator[Finding]:
    """NB118: a cell changes how its process works, which the processes of the stages below know nothing of."""
    for position, (flow, below) in enumerate(itertools.pairwise(pipeline.flows)):
        for item in (item for item in flow.cells if item.flow.hooks):
            found = item.flow.hooks if item.cell not in flow.stage.everywhere else ()
            again = {what for n, (_, what) in enumerate(found) if what in {w for _, w in found[:n]}}  # put back, likely
            for line, what in found:
                if what not in again:
                    yield Finding(
                        code="NB118",
                        message=f"{what[0].upper()}{what[1:]} stays in this stage's process; '{below.stage.name}' runs "
                        "in another.",
                        cure="Tag this cell 'setup', so that it runs in every stage, or merge the two stages.",
                        place=_at(flow.stage, item.cell.index, item.cell.id, line),
                        fixes=(fixes.merge(pipeline, position, position + 1),),
                    )


def stale_setup(pipeline: Pipeline) -> Iterator[Finding]:
    """NB119: a setup cell reads what it, or a stage below, changes, so that it would not do the same again."""
    made: set[str] = set()  # by setup cells, which set it again
    for position, flow in enumerate(pipeline.flows):
        everywhere = flow.stage.everywhere
        for item in (item for item in flow.cells if item.cell in everywhere):
            given = {**item.flow.anonymous.reads, **item.flow.reads}
            for name, line in ((name, line) for name, line in given.items() if name not in made):
                found = _changed(pipeline.flows[position:], item, name)
                if found is not None:
                    changer, reader = found
                    who = "it changes that itself" if changer == flow.stage.name else f"'{changer}' changes it"
                    yield Finding(
                        code="NB119",
                        message=f"This cell runs again in '{reader}', where `{name}` may be another: {who}.",
                        cure="Take the tag 'setup' from this cell, or give what is changed another name.",
                        place=_at(flow.stage, item.cell.index, item.cell.id, line),
                    )
            made |= {*item.flow.binds, *(name for i in item.flow.imports for name in i.names)}


def _changed(flows: Sequence[StageFlow], item: CellFlow, name: str) -> tuple[str, str] | None:
    """Return the stage that changes what a setup cell of the first one reads, and the first one below to notice."""
    own = item.flow.binds.keys() | item.flow.touches.keys()
    below = (n for n, flow in enumerate(flows) if n and name in flow.leaves)
    changer = 0 if name in own else next(below, len(flows))
    readers = [flow for flow in flows[changer + 1 :] if flow.opaque or own & flow.reads.keys()]
    return (flows[changer].stage.name, readers[0].stage.name) if readers else None


def questions(pipeline: Pipeline) -> Iterator[Finding]:
    """NB112: `input()` waits for somebody to type, and nobody is there."""
    for flow in pipeline.flows:
        for item in flow.cells:
            if "input" in item.flow.loads and any(call.function == "input" for call in item.flow.calls):
                yield Finding(
                    code="NB112",
                    message="`input()` asks a question that nobody can answer when the pipeline runs.",
                    cure="Set the value in a cell tagged 'parameters', and give it with `-p NAME VALUE`.",
                    place=_at(flow.stage, item.cell.index, item.cell.id, item.flow.reads.get("input")),
                    fixes=fixes.parameter(item.cell),
                )


def immutable_types(pipeline: Pipeline) -> Iterator[Finding]:
    """NB114: a cell sets an attribute of a type that Python keeps as it is, so that the notebook stops there."""
    for setting in immutable.settings(pipeline.flows):
        yield Finding(
            code="NB114",
            message=f"`{setting.cls}` is a built-in type: Python refuses to set `{setting.attribute}` on it.",
            cure=f"Derive a class from `{setting.cls}`, or write a function.",
            place=_at(setting.flow.stage, setting.item.cell.index, setting.item.cell.id, setting.line),
        )


LOADS = re.compile(r"^[^#\n]*\bload_ext\W+nb2prod\b", re.MULTILINE)


def extension(pipeline: Pipeline) -> Iterator[Finding]:
    """NB113: nothing loads the magic before the first `%%stage` line, so that only nb2prod can run the notebook."""
    for cell in pipeline.notebook.cells:
        if cell.kind != "code":
            continue
        tag = declaration(cell.source)
        if tag is None and LOADS.search(cell.source):
            return
        if tag is not None:
            yield Finding(
                code="NB113",
                message="`%%stage` is not known yet in Jupyter and in plain papermill, which will stop at this cell.",
                cure="Write `%load_ext nb2prod` into a cell above, which has no `%%stage` line itself.",
                place=Place(cell=cell.index, cell_id=cell.id, line=1, stage=tag.name),
                severity="warning",
                fixes=fixes.load_extension(pipeline),
            )
            return


def _imported(flow: StageFlow) -> Iterator[str]:
    return (name for item in flow.imports for name in item.names)


def _at(stage: Stage, cell: int, cell_id: str, line: int | None) -> Place:
    return Place(cell=cell, cell_id=cell_id, line=line, stage=stage.name)


def _first(stage: Stage) -> Place:
    cell = stage.tags[0][0] if stage.tags else stage.code_cells[0]
    return _at(stage, cell.index, cell.id, 1)


RULES: tuple[Callable[[Pipeline], Iterator[Finding]], ...] = (
    no_stages,
    syntax,
    undefined,
    names_of_stages,
    stages_that_come_back,
    order,
    empty_stages,
    unkeepable,
    disagreement,
    options,
    history,
    results,
    hooks,
    stale_setup,
    questions,
    extension,
    immutable_types,
)

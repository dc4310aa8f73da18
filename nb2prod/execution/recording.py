"""Recording: what a stage left, gathered into its record when it has run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import frozen

from nb2prod import environment, plan, schema
from nb2prod.artifact import Recipe
from nb2prod.dataflow import makers
from nb2prod.errors.base import Place
from nb2prod.errors.runs import ValueNotKept
from nb2prod.execution.decision import named_files
from nb2prod.plan import Record
from nb2prod.stage import untagged
from nb2prod.stores.base import content_key
from nb2prod.worker.arrival import stale
from nb2prod.worker.kernel import Job

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from nb2prod.artifact import Version
    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.execution.decision import Context, Decision
    from nb2prod.plan import World
    from nb2prod.runners.base import CellResult

# Stands for the hash of a file that changed while a stage read it: nobody knows what it has seen, so it runs again.
CHANGED = "it changed while it was read"


def job(position: int, context: Context, decision: Decision, world: World, *, count: int) -> Job:
    """Return what a stage's process is told; where its result shall be written is still open."""
    flows = context.pipeline.flows
    flow = flows[position]
    imported = {name for item in flow.imports for name in item.names}
    above = {name for name in decision.inputs.names if name in world.versions}
    # What setup cells make is made again in each stage, and never handed on.
    made_everywhere = {n for i in flow.cells if i.cell in flow.stage.everywhere for n in i.flow.binds}
    first = makers.set_up(flows[:position])
    recipes = {name for name in above if _is_import(world.versions[name])}
    return Job(
        store=context.store.url,
        result="",
        count=count,
        imports=list(decision.inputs.imports),
        futures=[i.code for above in flows[:position] for i in above.imports if i.root == "__future__"],
        everywhere=[untagged(cell.source) for above in flows[:position] for cell in above.stage.everywhere],
        inputs=[artifact.digest for artifact in decision.inputs.artifacts],
        first=[a.digest for a in decision.inputs.artifacts if not first.isdisjoint(a.names)],
        stale=_stale(decision, world),
        late=[recipe.code for recipe in decision.inputs.late],
        results=sorted(flow.results),
        above=[source for above in flows[:position] for source in _sources(above)],
        inputs_read=bool(flow.above),
        ambient=world.ambient,
        seed=flow.stage.name,
        keep=sorted({*decision.asked, *flow.patches} - made_everywhere),
        unseen=flow.opaque is not None and any(below.opaque for below in flows[position + 1 :]),
        imported=sorted((imported | recipes) - {n for n, use in flow.leaves.items() if use.how == "set"}),
        definitions={
            **{recipe.name: recipe.code for recipe in decision.inputs.late if recipe.name},
            **{name: source for item in flow.cells for name, source in item.flow.sources.items()},
            **{m.name: m.code for m in makers.makers(flows) if m.code and m.place.stage == flow.stage.name},
        },
    )


def _sources(flow: StageFlow) -> Iterable[str]:
    """Return the code of a stage's cells that run, and so have a number each."""
    return (source for item in flow.cells if (source := untagged(item.cell.source)).strip())


def _stale(decision: Decision, world: World) -> dict[str, list[str]]:
    found = {artifact.digest: stale(artifact, world.versions) for artifact in decision.inputs.artifacts}
    return {digest: names for digest, names in found.items() if names}


def _is_import(version: Version) -> bool:
    return isinstance(version, Recipe) and not version.late


@frozen(kw_only=True)
class Said:
    """What a stage's process said at its end."""

    left: dict[str, Any]  # what `nb2prod.worker.kernel.leave` wrote
    began: int  # nanoseconds since 1970


def record(position: int, context: Context, decision: Decision, results: Sequence[CellResult], said: Said) -> Record:
    """Return the record of a stage that has run; its outputs are put into the store.

    Args:
        position: Of the stage.
        context: What the pipeline is carried out with.
        decision: What was decided on the stage.
        results: Of its cells.
        said: What its process left, and when it began.

    Raises:
        ValueNotKept: A value that a stage below reads could not be stored.
    """
    flow = context.pipeline.flows[position]
    left, began = said.left, said.began
    unkept = {fault["name"] for fault in left["faults"]}
    _refuse_unkept(position, context, left["faults"])
    outputs = json.dumps([list(result.outputs) for result in results]).encode()
    context.store.put(content_key(outputs), outputs)
    artifacts, recipes = schema.left(left)
    saved = {text for item in flow.cells for text in item.flow.saved}
    written = environment.files([*saved, *left["wrote"]], context.folder)
    read = environment.files([*named_files(position, context), *left["read"]], context.folder)
    return Record(
        stage=flow.stage.name,
        parts=decision.parts,
        # What came in and goes out the same is no result of this stage.
        artifacts=tuple(artifact for artifact in artifacts if artifact not in decision.inputs.artifacts),
        recipes=tuple(plan.remade(recipe.name, recipe.code) for recipe in recipes),
        gone=tuple(sorted({*left["gone"], *unkept})),
        ambient=left["ambient"],
        outputs=content_key(outputs),
        asked=decision.asked,
        files=written,
        read=_as_read({name: digest for name, digest in read.items() if name not in written}, context.folder, began),
        modules=environment.modules(left["sources"]),
        packages=environment.versions(environment.providers(left["packages"])),
    )


def _refuse_unkept(position: int, context: Context, faults: Iterable[dict[str, Any]]) -> None:
    flows = context.pipeline.flows
    flow = flows[position]
    for fault in {fault["name"]: fault for fault in faults}.values():
        name = fault["name"]
        readers = tuple(f.stage.name for f in flows[position + 1 :] if name in f.reads)
        if readers:
            place = flow.leaves[name].place if name in flow.leaves else Place(stage=flow.stage.name)
            raise ValueNotKept(place, name, fault["kind"], fault["reason"], readers)


def _as_read(read: Mapping[str, str], folder: Path, began: int) -> dict[str, str]:
    """Return hashes of files as the stage saw them, which nobody can tell of those that changed since it `began`."""
    return {name: CHANGED if (folder / name).stat().st_mtime_ns > began else digest for name, digest in read.items()}

"""Decision: whether a stage runs, and on what that was decided."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from nb2prod import environment, fingerprint, plan, schema
from nb2prod.artifact import Recipe
from nb2prod.errors.base import ArtifactCorrupt, ArtifactMissing
from nb2prod.plan import Record, Step, World
from nb2prod.startup import unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from nb2prod.artifact import Version
    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.fingerprint import Parts
    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Inputs
    from nb2prod.stage import Stage
    from nb2prod.stores.base import Store


CODE = "its code"  # the part of a key that is the stage's own


@frozen(kw_only=True)
class Context:
    """What a pipeline is carried out with."""

    pipeline: Pipeline
    folder: Path  # where its code runs: the notebook's own, if nobody said another
    elsewhere: str = ""  # that folder as seen from the notebook's, if it is another
    store: Store
    kernel: str
    force: Mapping[str, str] = field(factory=dict)  # stages to run even when kept → why
    until: str | None = None  # the last stage to run
    wanted: frozenset[str] = frozenset()  # names to keep to the end, whoever reads them
    preload: tuple[str, ...] = ()  # packages that may be imported ahead of the stages, besides those known to be fit
    last: Mapping[str, Record] = field(factory=dict)  # by stage, from the last run of this notebook
    defaults: Mapping[str, Any] = field(factory=dict)  # options of stages that do not say otherwise

    def options(self, stage: Stage) -> Mapping[str, Any]:
        """Return the options of a stage: its own, and the project's defaults."""
        return {**self.defaults, **stage.options}

    def seen(self, flow: StageFlow) -> Record | None:
        """Return what a stage did in its last run, when its code was the same."""
        last = self.last.get(flow.stage.name)
        return last if last and last.parts.get(CODE) == fingerprint.of_code(flow.stage.code_cells) else None


@frozen(kw_only=True)
class Decision:
    """A step of the plan with what it was decided on."""

    step: Step
    key: str
    parts: Parts
    inputs: Inputs
    asked: tuple[str, ...]
    record: Record | None = None


@frozen(kw_only=True)
class Foreseen:
    """What is expected of a stage, while stages above it have yet to run."""

    position: int
    world: World  # above it
    waiting: str | None  # for which stages above, in words
    decision: Decision | None = None  # None while it waits

    def step(self, context: Context) -> Step:
        """Return its line of the plan."""
        if self.decision is not None:
            return self.decision.step
        name = context.pipeline.stages[self.position].name
        why = context.force.get(name) or self.waiting
        return Step(stage=name, action="run", why=why or "", record=context.last.get(name))


def foresee(
    context: Context, world: World | None = None, start: int = 0, done: Mapping[int, Decision] | None = None
) -> Iterator[Foreseen]:
    """Yield what is expected of the stages from `start` on; `done` are those that have run ahead, with their records.

    What a stage that has yet to run will leave is taken from its last record where its code is still the same. That may
    be wrong: whoever acts on it must compare the key with the true one later.
    """
    world = world or World()
    for position in range(start, len(context.pipeline.flows)):
        flow = context.pipeline.flows[position]
        waiting = plan.waits_for(position, context.pipeline, world)
        decision = decide(position, context, world) if waiting is None else None
        yield Foreseen(position=position, world=world, waiting=waiting, decision=decision)
        ran = (done or {}).get(position)
        record = decision and decision.record
        if ran is not None and decision is not None and ran.key == decision.key:
            record = ran.record
        last, same = context.last.get(flow.stage.name), context.seen(flow) is not None
        world = plan.after(world, flow, record) if record else plan.after_running(world, flow, last, same=same)


def steps(context: Context) -> tuple[Step, ...]:
    """Return the plan: what would run, and why, without running it."""
    found: list[Step] = []
    for item in foresee(context):
        found.append(item.step(context))
        if found[-1].stage == context.until:
            break
    below = context.pipeline.stages[len(found) :]
    why = f"it comes after '{context.until}'"
    return (*found, *(Step(stage=stage.name, action="skip", why=why) for stage in below))


def decide(position: int, context: Context, world: World) -> Decision:
    """Decide whether a stage runs, when what the stages above left is known."""
    flow = context.pipeline.flows[position]
    name = flow.stage.name
    inputs = plan.inputs(position, context.pipeline, world.versions)
    parts = _parts(position, context, inputs, world)
    key = fingerprint.key(parts)
    record = kept(context.store, key)
    last = context.last.get(name)
    asked = context.pipeline.keep(position, context.wanted) | set(last.asked if last else ())
    # What is imported again where it is needed is never asked of a stage that only reads it.
    given = {name for name in inputs.names if not _is_import(world.versions.get(name))}
    here = asked if flow.opaque else asked & {*flow.leaves, *given}
    if name in context.force:
        why = context.force[name]
    elif not context.options(flow.stage).get("cache", True):
        why = "it shall not be cached"
    elif record is None:
        why = plan.why_run(parts, last)
    else:
        why = _outdated(record, here, context.folder)
    if why:
        record = None
    elif record:
        why = f"nothing it depends on changed since it ran ({record.seconds:.1f} s)"
    step = Step(stage=name, action="reuse" if record else "run", why=why, record=record or last)
    return Decision(step=step, key=key, parts=parts, inputs=inputs, asked=tuple(sorted(asked)), record=record)


def _is_import(version: Version | None) -> bool:
    return isinstance(version, Recipe) and not version.late


def kept(store: Store, key: str) -> Record | None:
    """Return the record under a key when all that it names is in the store."""
    try:
        record = schema.read_record(store.get(key))
    except (ArtifactMissing, ArtifactCorrupt, ValueError, TypeError, KeyError):
        return None  # cut off, or written by another version: the stage is run again
    return record if store.holds(record.digests) else None


def _outdated(record: Record, asked: frozenset[str], folder: Path) -> str:
    """Say what changed of that which a stage was seen to depend on when it ran; empty when nothing did."""
    missing = sorted(asked - set(record.asked))
    if missing:
        return f"`{missing[0]}` is now needed below"
    written, read = environment.files(record.files, folder), environment.files(record.read, folder)
    modules, packages = environment.modules(record.modules), environment.versions(record.packages)
    for what, now, then in (
        ("the file '{}' it writes is gone or changed", written, record.files),
        ("the file '{}' it reads changed", read, record.read),
        ("the module {} it uses changed", modules, record.modules),
        ("the package {} changed its version", packages, record.packages),
    ):
        for name, digest in then.items():
            if now.get(name) != digest:
                return what.format(name)
    return ""


def _parts(position: int, context: Context, inputs: Inputs, world: World) -> Parts:
    flows = context.pipeline.flows
    flow = flows[position]
    everywhere = [cell for above in flows[:position] for cell in above.stage.everywhere]
    parts = {
        "Python": platform.python_version(),
        "the kernel": context.kernel,
        CODE: fingerprint.of_code(flow.stage.code_cells),
        "the setup": fingerprint.of_code(everywhere),
        "an import": fingerprint.of_text(inputs.imports),
        "a definition": fingerprint.of_text(recipe.code for recipe in inputs.late),
        "the state of the process": world.ambient or "",
        "the folder it runs in": context.elsewhere,
    }
    parts |= {f"the environment variable {name}": seen for name, seen in variables(flows[: position + 1]).items()}
    if flow.above:
        parts["a cell above, whose text it reads"] = fingerprint.of_text(flow.above)
    if flow.results:
        parts["the number of a cell above"] = ", ".join(sorted(flow.results))
    gone = [name for artifact in inputs.artifacts for name in artifact.names if world.versions.get(name) != artifact]
    if gone:
        parts["what was set anew or deleted"] = ", ".join(gone)
    return parts | {f"`{'`, `'.join(a.names)}`": a.digest for a in inputs.artifacts}


def variables(flows: Iterable[StageFlow]) -> dict[str, str]:
    """Return what tells the values of the environment variables that stages look up, in this process, from others."""
    names = {name for flow in flows for item in flow.cells for name in item.flow.variables}
    return {name: unchanged.variable(name) for name in sorted(names)}


def named_files(position: int, context: Context) -> set[str]:
    """Return the constants that may name a file the stage reads by a native library, which nobody sees."""
    flows = context.pipeline.flows
    texts = {text for item in flows[position].cells for text in item.flow.strings - item.flow.saved}
    for above in flows[:position]:
        for item in above.cells:
            if set(item.flow.binds) & set(flows[position].reads):
                texts |= item.flow.strings - item.flow.saved
    return texts

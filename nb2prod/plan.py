"""Plan: for each stage, run it or reuse what is kept, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from nb2prod import fingerprint
from nb2prod.artifact import Artifact, Recipe, Version
from nb2prod.dataflow import analyse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.fingerprint import Parts
    from nb2prod.pipeline import Pipeline


@frozen(kw_only=True)
class Record:
    """What a stage left, kept under its key."""

    stage: str
    parts: Parts
    artifacts: tuple[Artifact, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    gone: tuple[str, ...] = ()  # names it deleted
    ambient: str | None = None  # digest of the state of the process after it
    outputs: str = ""  # digest of its cells' outputs
    asked: tuple[str, ...] = ()  # names that stages below needed when it ran
    files: Mapping[str, str] = field(factory=dict)  # files it wrote → hash
    read: Mapping[str, str] = field(factory=dict)  # files it read → hash
    modules: Mapping[str, str] = field(
        factory=dict
    )  # files of modules it used that are not installed → hash of their code
    packages: Mapping[str, str] = field(factory=dict)  # distributions it used → version
    seconds: float = 0.0

    @property
    def digests(self) -> tuple[str, ...]:
        """Everything that must be in the store for the record to be of use."""
        rest = [digest for digest in (self.ambient, self.outputs) if digest]
        return (*(digest for artifact in self.artifacts for digest in (artifact.digest, *artifact.buffers)), *rest)

    @property
    def bytes(self) -> int:
        """Size of what it left."""
        return sum(artifact.bytes for artifact in self.artifacts)


@frozen(kw_only=True)
class World:
    """What is known above a stage: where the last version of each name is, and the state of the process."""

    versions: Mapping[str, Version] = field(factory=dict)
    ambient: str | None = None
    unknown: Mapping[str, str] = field(factory=dict)  # names whose value waits for a stage that must run → that stage


@frozen(kw_only=True)
class Step:
    """One line of a plan."""

    stage: str
    action: Literal["run", "reuse", "skip"]
    why: str
    record: Record | None = None  # of the run that is reused, else of the last one


@frozen(kw_only=True)
class Inputs:
    """What a stage's process is given."""

    names: tuple[str, ...]
    artifacts: tuple[Artifact, ...]
    imports: tuple[str, ...]  # source, in the notebook's order
    late: tuple[Recipe, ...]


def inputs(position: int, pipeline: Pipeline, versions: Mapping[str, Version]) -> Inputs:
    """Find what a stage needs: what it reads, what shares objects with that, and what functions in it look up."""
    flow = pipeline.flows[position]
    registers = [remade("", code) for above in pipeline.flows[:position] for code in above.registers]
    pending = list(versions) if flow.opaque else [name for name in versions if "." in name or ":" in name]
    pending.extend([*_wanted(flow), *(name for recipe in registers for name in recipe.needs)])
    names: set[str] = set()
    while pending:
        name = pending.pop()
        if name in names or name not in versions:
            continue
        names.add(name)
        version = versions[name]
        pending.extend(version.needs)
        if isinstance(version, Artifact):
            pending.extend(version.names)
    artifacts = {v.digest: v for n in versions if n in names and isinstance(v := versions[n], Artifact)}
    recipes = [v for n in sorted(names) if isinstance(v := versions[n], Recipe)]
    return Inputs(
        names=tuple(sorted(names)),
        artifacts=tuple(artifacts.values()),
        imports=_imports(position, pipeline, {r.name for r in recipes if not r.late}),
        late=(*(r for r in recipes if r.late), *registers),
    )


def remade(name: str, code: str) -> Recipe:
    """Return definitions as something to run again, with what they look up when made and when called."""
    flow = analyse(code)
    needs = {
        *flow.reads,
        *flow.anonymous.reads,
        *(name for deferred in flow.definitions.values() for name in deferred.reads),
    }
    return Recipe(name=name, code=code, needs=tuple(sorted(needs)), late=True)


def _wanted(flow: StageFlow) -> Iterable[str]:
    # A stage that changes an object in place must be given it; what it only sets anew, it need not.
    yield from flow.reads
    yield from (name for name, use in flow.leaves.items() if use.how == "changed in place")


def _imports(position: int, pipeline: Pipeline, names: set[str]) -> tuple[str, ...]:
    """Return the session magics and imports above that bind `names`, in their order.

    Imports from a package of which something is needed are all taken: `import a.b` makes `a.b` work for `import a`, and
    some imports only register something with their package. Star imports are taken always: what they bind is not known.
    """
    above = pipeline.flows[:position]
    roots = {i.root for flow in above for i in flow.imports if names & set(i.names)}
    found: list[str] = []
    for flow in above:
        found.extend(flow.session)
        found.extend(i.code for i in flow.imports if i.star or i.root in roots)
    # Of equal ones the last counts: another import of the same name may stand between them.
    return tuple(reversed(dict.fromkeys(reversed(found))))


def after(world: World, flow: StageFlow, record: Record) -> World:
    """Return what is known below a stage that left `record`."""
    left: dict[str, Version] = {n: Recipe(name=n, code=i.code) for i in flow.imports for n in i.names}
    left = {name: version for name, version in left.items() if name not in flow.deletes}
    for artifact in record.artifacts:
        left.update(dict.fromkeys(artifact.names, artifact))
    left.update({recipe.name: recipe for recipe in record.recipes})
    # The newest come last: a class that several of them hold is then left as the last of them knows it.
    gone = {*record.gone, *left}
    versions = {**{name: version for name, version in world.versions.items() if name not in gone}, **left}
    unknown = {name: stage for name, stage in world.unknown.items() if name not in versions or name not in flow.leaves}
    return World(versions=versions, ambient=record.ambient, unknown=unknown)


def after_running(world: World, flow: StageFlow, last: Record | None, *, same: bool = False) -> World:
    """Return what is known below a stage that will run: whatever it sets or changes is not known yet.

    The state of the process is taken to be the one that it left `last` time. When its code is the `same`, so are the
    names that it was seen to leave alone, though the code may change them.
    """
    spared = _spared(last) if last and same else frozenset()
    unknown = {**world.unknown, **dict.fromkeys(flow.leaves.keys() - spared, flow.stage.name)}
    versions = dict(world.versions)
    for item in flow.imports:
        versions.update({name: Recipe(name=name, code=item.code) for name in item.names})
    return World(versions=versions, ambient=last.ambient if last else world.ambient, unknown=unknown)


def _spared(last: Record) -> frozenset[str]:
    """Return the names that were looked at when a stage had run and were as they had come."""
    left = {name for artifact in last.artifacts for name in artifact.names} | {recipe.name for recipe in last.recipes}
    return frozenset(last.asked) - left - set(last.gone)


def waits_for(position: int, pipeline: Pipeline, world: World) -> str | None:
    """Say which stages above must run before it is known what this stage is given, or None."""
    given = {*inputs(position, pipeline, world.versions).names, *_wanted(pipeline.flows[position])}
    waiting: dict[str, list[str]] = {}
    for name in sorted(given & set(world.unknown)):
        waiting.setdefault(world.unknown[name], []).append(name)
    if not waiting:
        return None
    parts = [f"{', '.join(f'`{n}`' for n in names)} from stage '{stage}'" for stage, names in waiting.items()]
    return f"it reads {' and '.join(parts)}, which runs"


def why_run(parts: Parts, last: Record | None) -> str:
    """Say why a stage without a record under its key must run."""
    if last is None:
        return "it has not run before"
    return fingerprint.difference(parts, last.parts) or "what it left is no longer there"

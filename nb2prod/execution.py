"""Execution: a pipeline carried out stage by stage, each reused when what it left is kept."""

from __future__ import annotations

import json
import platform
import time
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, evolve, field, frozen

from nb2prod import environment, fingerprint, makers, plan, preload, schema
from nb2prod.artifact import Recipe
from nb2prod.errors import Place, StoreError
from nb2prod.events import Event
from nb2prod.failures import RunCancelled, ValueNotKept
from nb2prod.kernel import Job
from nb2prod.plan import Record, Step, World
from nb2prod.report import Outcome
from nb2prod.runners.base import CellResult, Task, opened
from nb2prod.stage import untagged
from nb2prod.stores.base import content_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nb2prod.artifact import Version
    from nb2prod.errors import Nb2ProdError, RunError
    from nb2prod.events import Listener
    from nb2prod.fingerprint import Parts
    from nb2prod.flows import StageFlow
    from nb2prod.notebook import Cell
    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Inputs
    from nb2prod.runners.base import Runner
    from nb2prod.stores.base import Store


@frozen(kw_only=True)
class Context:
    """What a pipeline is carried out with."""

    pipeline: Pipeline
    folder: Path  # where its code runs: the notebook's own, if nobody said another
    elsewhere: str = ""  # that folder as seen from the notebook's, if it is another
    store: Store
    kernel: str
    force: frozenset[str] = frozenset()  # stages to run even when kept
    until: str | None = None  # the last stage to run
    wanted: frozenset[str] = frozenset()  # names to keep to the end, whoever reads them
    preload: tuple[str, ...] = ()  # packages that may be imported ahead of the stages, besides those known to be fit
    last: Mapping[str, Record] = field(factory=dict)  # by stage, from the last run of this notebook


@frozen(kw_only=True)
class Decision:
    """A step of the plan with what it was decided on."""

    step: Step
    key: str
    parts: Parts
    inputs: Inputs
    asked: tuple[str, ...]
    record: Record | None = None


def steps(context: Context) -> tuple[Step, ...]:
    """Return the plan: what would run, and why, without running it."""
    world, found, stopped = World(), [], False
    for position, flow in enumerate(context.pipeline.flows):
        if stopped:
            found.append(_skipped(flow, f"it comes after '{context.until}'"))
            continue
        waiting = plan.waits_for(position, context.pipeline, world)
        decision = decide(position, context, world)
        if waiting is not None and decision.record is not None and flow.stage.name not in context.force:
            found.append(evolve(decision.step, action="run", why=waiting))
            world = plan.after_running(world, flow, context.last.get(flow.stage.name))
        else:
            found.append(decision.step if waiting is None else evolve(decision.step, action="run", why=waiting))
            record = decision.record
            world = (
                plan.after(world, flow, record)
                if record
                else plan.after_running(world, flow, context.last.get(flow.stage.name))
            )
        stopped = flow.stage.name == context.until
    return tuple(found)


def _skipped(flow: StageFlow, why: str) -> Step:
    return Step(stage=flow.stage.name, action="skip", why=why)


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
    here = asked if flow.opaque else asked & {*flow.leaves, *inputs.names}
    if name in context.force:
        why = "it was asked for"
    elif not flow.stage.options.get("cache", True):
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


def kept(store: Store, key: str) -> Record | None:
    """Return the record under a key when all that it names is in the store."""
    if key not in store:
        return None
    try:
        record = schema.read_record(store.get(key))
    except (StoreError, ValueError, TypeError, KeyError):
        return None  # cut off, or written by another version: the stage is run again
    return record if all(digest in store for digest in record.digests) else None


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
        "its code": fingerprint.of_code(flow.stage.code_cells),
        "the setup": fingerprint.of_code(everywhere),
        "an import": fingerprint.of_text(inputs.imports),
        "a definition": fingerprint.of_text(recipe.code for recipe in inputs.late),
        "the state of the process": world.ambient or "",
        "the folder it runs in": context.elsewhere,
    }
    if flow.above:
        parts["a cell above, whose text it reads"] = fingerprint.of_text(flow.above)
    if flow.results:
        parts["the number of a cell above"] = ", ".join(sorted(flow.results))
    return parts | {f"`{'`, `'.join(a.names)}`": a.digest for a in inputs.artifacts}


def _named_files(position: int, context: Context) -> set[str]:
    """Return the constants that may name a file the stage reads by a native library, which nobody sees."""
    flows = context.pipeline.flows
    texts = {text for item in flows[position].cells for text in item.flow.strings - item.flow.saved}
    for above in flows[:position]:
        for item in above.cells:
            if set(item.flow.binds) & set(flows[position].reads):
                texts |= item.flow.strings - item.flow.saved
    return texts


@define(kw_only=True)
class Execution:
    """A run in progress. `document` is the notebook's JSON, filled with outputs as they come."""

    context: Context
    document: dict[str, Any]
    runner: Runner
    workspace: Path  # for the files between this process and the stages'
    listen: Listener
    world: World = field(factory=World)
    outcomes: list[Outcome] = field(factory=list)
    keys: dict[str, str] = field(factory=dict)  # stage → key of what it left
    count: int = 0  # execution count, as if run straight through
    error: Nb2ProdError | None = None

    def run(self) -> None:
        """Carry out every stage; afterwards `error` says why it stopped, if it did."""
        cells = [cell for flow in self.context.pipeline.flows for cell in flow.stage.code_cells]
        with opened(self.runner, preload.modules(cells, self.context.preload)):
            self._all()
            if isinstance(self.error, StoreError):
                # What was damaged is set aside by now, so that the stages that made it run again.
                self.world, self.outcomes, self.keys, self.count, self.error = World(), [], {}, 0, None
                self._all()

    def _all(self) -> None:
        _clear(self.document)
        reason = ""
        for position, flow in enumerate(self.context.pipeline.flows):
            if reason:
                self._outcome(Outcome(stage=flow.stage.name, action="skip", state="skipped", why=reason))
                continue
            began = time.monotonic()
            try:
                self._stage(position)
            except KeyboardInterrupt:
                cancelled = RunCancelled(Place(stage=flow.stage.name))
                self._failed(flow, cancelled, time.monotonic() - began, "it was cancelled")
            if self.error is not None:
                reason = f"stage '{flow.stage.name}' above failed"
            elif flow.stage.name == self.context.until:
                reason = f"it comes after '{self.context.until}'"

    def _stage(self, position: int) -> None:
        flow = self.context.pipeline.flows[position]
        decision = decide(position, self.context, self.world)
        if decision.record is not None and self._reuse(flow, decision):
            return
        began = time.monotonic()
        self.listen(Event(kind="stage", data=_stage_event(flow.stage.name, "running", why=decision.step.why)))
        count = self.count
        for attempt in range(int(flow.stage.options.get("retries", 0)) + 1):
            self.count = count
            record, error = self._run(position, decision, attempt)
            if error is None:
                break
        seconds = time.monotonic() - began
        if error is not None or record is None:
            self._failed(flow, error, seconds, decision.step.why)
            return
        record = evolve(record, seconds=round(seconds, 3))
        self.context.store.put(decision.key, schema.write_record(record))
        self._done(flow, decision, record)
        self._outcome(_outcome_of(decision, record, "run", seconds))

    def _reuse(self, flow: StageFlow, decision: Decision) -> bool:
        record = decision.record
        assert record is not None
        try:
            outputs = json.loads(self.context.store.get(record.outputs))
        except StoreError:
            return False
        for cell, kept_outputs in zip(_running(flow), outputs, strict=True):
            self._fill(cell, kept_outputs)
        self._done(flow, decision, record)
        self._outcome(_outcome_of(decision, record, "reuse", 0.0))
        return True

    def _done(self, flow: StageFlow, decision: Decision, record: Record) -> None:
        self.keys[flow.stage.name] = decision.key
        self.world = plan.after(self.world, flow, record)

    def _failed(self, flow: StageFlow, error: RunError | StoreError | None, seconds: float, why: str) -> None:
        self.error = error
        if error is not None:
            self.listen(Event(kind="error", data=schema.error(error)))
        self._outcome(Outcome(stage=flow.stage.name, action="run", state="failed", why=why, seconds=seconds))

    def _outcome(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        data = _stage_event(outcome.stage, outcome.state, outcome.why, outcome.seconds, outcome.bytes)
        self.listen(Event(kind="stage", data=data))

    def _run(
        self, position: int, decision: Decision, attempt: int
    ) -> tuple[Record | None, RunError | StoreError | None]:
        flow = self.context.pipeline.flows[position]
        result = self.workspace / f"{position}-{attempt}.result.json"
        results: list[CellResult] = []

        def finished(cell: CellResult) -> None:
            results.append(cell)
            self._fill(cell.cell, list(cell.outputs))
            self.listen(_cell_event(flow, cell.cell, "done" if cell.ok else "failed"))

        task = Task(
            stage=flow.stage.name,
            cells=_running(flow),
            kernel=self.context.kernel,
            folder=self.context.folder,
            job=self._job(position, decision, result),
            job_file=self.workspace / f"{position}-{attempt}.job.json",
            flood=self.workspace / f"{position}-{attempt}.output.txt",
            timeout=flow.stage.options.get("timeout"),
            memory=flow.stage.options.get("memory"),
            cpus=flow.stage.options.get("cpus"),
            gpus=flow.stage.options.get("gpus"),
            last=position == len(self.context.pipeline.flows) - 1,
            started=lambda cell: self.listen(_cell_event(flow, cell, "running")),
            finished=finished,
        )
        error = self.runner.run(task)
        if error is not None:
            return None, error
        left = json.loads(result.read_text(encoding="utf-8"))
        return self._record(position, decision, results, left)

    def _record(
        self, position: int, decision: Decision, results: list[CellResult], left: dict[str, Any]
    ) -> tuple[Record | None, RunError | StoreError | None]:
        flow = self.context.pipeline.flows[position]
        unkept = {fault["name"]: fault for fault in left["faults"]}
        for name, fault in unkept.items():
            readers = tuple(f.stage.name for f in self.context.pipeline.flows[position + 1 :] if name in f.reads)
            if readers:
                place = flow.leaves[name].place if name in flow.leaves else Place(stage=flow.stage.name)
                return None, ValueNotKept(place, name, fault["kind"], fault["reason"], readers)
        outputs = json.dumps([list(result.outputs) for result in results]).encode()
        self.context.store.put(content_key(outputs), outputs)
        artifacts, recipes = schema.left(left)
        # What came in and goes out the same is no result of this stage.
        artifacts = tuple(artifact for artifact in artifacts if artifact not in decision.inputs.artifacts)
        folder = self.context.folder
        saved = {text for item in flow.cells for text in item.flow.saved}
        written = environment.files([*saved, *left["wrote"]], folder)
        read = environment.files([*_named_files(position, self.context), *left["read"]], folder)
        return Record(
            stage=flow.stage.name,
            parts=decision.parts,
            artifacts=artifacts,
            recipes=tuple(plan.remade(recipe.name, recipe.code) for recipe in recipes),
            gone=tuple(sorted({*left["gone"], *unkept})),
            ambient=left["ambient"],
            outputs=content_key(outputs),
            asked=decision.asked,
            files=written,
            read={name: digest for name, digest in read.items() if name not in written},
            modules=environment.modules(left["sources"]),
            packages=environment.versions(environment.providers(left["packages"])),
        ), None

    def _job(self, position: int, decision: Decision, result: Path) -> Job:
        flows = self.context.pipeline.flows
        flow = flows[position]
        imported = {name for item in flow.imports for name in item.names}
        above = {name for name in decision.inputs.names if name in self.world.versions}
        # What setup cells make is made again in each stage, and never handed on.
        made_everywhere = {n for i in flow.cells if i.cell in flow.stage.everywhere for n in i.flow.binds}
        recipes = {name for name in above if _is_import(self.world.versions[name])}
        return Job(
            store=self.context.store.url,
            result=str(result),
            count=self.count,
            imports=list(decision.inputs.imports),
            everywhere=[untagged(cell.source) for above in flows[:position] for cell in above.stage.everywhere],
            inputs=[artifact.digest for artifact in decision.inputs.artifacts],
            late=[recipe.code for recipe in decision.inputs.late],
            results=sorted(flow.results),
            above=list(flow.above),
            ambient=self.world.ambient,
            seed=flow.stage.name,
            keep=sorted({*decision.asked, *flow.patches} - made_everywhere),
            imported=sorted((imported | recipes) - {n for n, use in flow.leaves.items() if use.how == "set"}),
            definitions={
                **{name: source for item in flow.cells for name, source in item.flow.sources.items()},
                **{m.name: m.code for m in makers.makers(flows) if m.code and m.place.stage == flow.stage.name},
            },
        )

    def _fill(self, cell: Cell, outputs: list[dict[str, Any]]) -> None:
        self.count += 1
        raw = self.document["cells"][cell.index]
        raw["execution_count"] = self.count
        raw["outputs"] = outputs
        for output in outputs:
            if output.get("output_type") == "execute_result":
                output["execution_count"] = self.count


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


def _is_import(version: Version) -> bool:
    return isinstance(version, Recipe) and not version.late


def _clear(document: dict[str, Any]) -> None:
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def _stage_event(stage: str, state: str, why: str, seconds: float = 0.0, size: int = 0) -> dict[str, Any]:
    return {"stage": stage, "state": state, "why": why, "seconds": round(seconds, 3), "bytes": size}


def _cell_event(flow: StageFlow, cell: Cell, state: str) -> Event:
    return Event(kind="cell", data={"cell": cell.index, "cell_id": cell.id, "stage": flow.stage.name, "state": state})

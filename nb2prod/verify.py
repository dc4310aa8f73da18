"""Verification: the notebook run straight through in one kernel, held against what its stages did."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from nb2prod import journal, notebook, pipeline, plan, schema
from nb2prod.artifact import Artifact
from nb2prod.candidates import offer
from nb2prod.compare import runs
from nb2prod.compare.runs import Difference, Verdict
from nb2prod.errors.base import StoreError
from nb2prod.errors.runs import CellFailed
from nb2prod.execution import decision
from nb2prod.notebook import Cell
from nb2prod.plan import World
from nb2prod.runners.base import Task, opened
from nb2prod.runners.choice import open_runner
from nb2prod.runners.displays import Displays
from nb2prod.stage import untagged
from nb2prod.worker.kernel import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nb2prod.dataflow.stage_flow import StageFlow
    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Record
    from nb2prod.report import Report
    from nb2prod.runners.base import CellResult, Runner
    from nb2prod.settings import Settings
    from nb2prod.stores.base import Store

_METHOD = 1  # raised when verdicts of before are no longer worth what they say
# What is held against a fork is what the user's own Jupyter would do: a kernel that starts from nothing.
_SEPARATE = {"auto": "kernel", "dask": "kernel", "fork": "kernel"}
_END = ""  # stands for the end of the notebook where a stage is named
_CALL = (
    "__import__('nb2prod.worker.kernel', fromlist=['compare']).compare(get_ipython(), {path!r}, {stage!r}, {held!r})"
)

Held = dict[str, dict[str, list[str]]]  # stage → digest of values it was given → their names


@frozen(kw_only=True)
class Staged:
    """A run of the stages, and where what it left is."""

    report: Report
    pipeline: Pipeline  # of the cells that ran
    document: Mapping[str, Any]  # the executed notebook
    store: Store
    folder: Path  # the notebook's
    kernel: str
    runner: Runner
    alone: bool = True  # while it is verified, nothing else of ours runs

    @property
    def cells(self) -> list[Cell]:
        """The cells to run, in the notebook's order: up to the one that failed, when one did."""
        error = self.report.error
        last = error.place.cell if isinstance(error, CellFailed) else None
        cells = [
            cell for flow in self.pipeline.flows for cell in flow.stage.code_cells if untagged(cell.source).strip()
        ]
        return [cell for cell in cells if last is None or cell.index <= last]

    def stage_of(self, cell: int) -> str:
        """Return the name of the stage that a cell belongs to."""
        stages = self.pipeline.stages
        return next(stage.name for stage in stages if any(c.index == cell for c in stage.code_cells))


def gather(path: Path, report: Report, *, store: Store, chosen: Settings, alone: bool = True) -> Staged:
    """Gather what the run of a notebook left; its cells are those that ran, whatever was written to the file since."""
    ran = json.loads((journal.folder_of(chosen.home, report.run) / "executed.ipynb").read_text(encoding="utf-8"))
    line = pipeline.build(notebook.parse(ran, path.name))
    return Staged(
        report=report,
        pipeline=line,
        document=ran,
        store=store,
        folder=path.resolve().parent,
        kernel=chosen.kernel or line.notebook.kernel,
        runner=open_runner(_SEPARATE.get(chosen.runner, chosen.runner), chosen.kernel or line.notebook.kernel),
        alone=alone,
    )


def remembered(report: Report, store: Store) -> Verdict | None:
    """Return the verdict on the same code, inputs and environment, if there was one and all was equal."""
    try:
        return schema.read_verdict(store.get(_key(report)))
    except (StoreError, ValueError, TypeError, KeyError):
        return None  # there is none, or another version wrote it


def verify(staged: Staged) -> Verdict:
    """Run the notebook straight through and compare; again when something differs, to tell whose fault it is.

    Where chance is at work, two straight runs may be the same in some place by luck: then a third one is asked. A
    verdict without differences is remembered in the store. Files that stages wrote are put back as they were, so that
    the stages can still be reused.

    Raises:
        RunError: The straight run could not be made: its kernel ended, or cannot be started.
    """
    began = time.monotonic()
    records = _records(staged)
    held = _held(staged, records)
    with tempfile.TemporaryDirectory(prefix="nb2prod-") as own, _put_back(staged, records, Path(own)):
        first = _straight(staged, Path(own) / "1", held, staged.store.url)
        found = [*_outputs(first, staged), *_values(first, staged)]
        names = {name for given in held.values() for names in given.values() for name in names}
        verdict = runs.judged(found, (), Verdict(cells=len(first.outputs), names=len(names), seconds=0.0))
        shaky: list[Difference] = []
        for attempt in ("2", "3"):
            if verdict.equal or (attempt == "3" and not shaky):
                break
            again = _straight(staged, Path(own) / attempt, first.held, first.store)
            shaky += [*_outputs_of(first.outputs, again.outputs, staged), *_values(again, staged)]
            verdict = runs.judged(found, shaky, verdict)
    verdict = evolve(verdict, seconds=time.monotonic() - began)
    if verdict.equal and staged.report.ok:
        staged.store.put(_key(staged.report), schema.write_verdict(verdict))
    return verdict


def _key(report: Report) -> str:
    text = json.dumps([_METHOD, sorted(report.keys.items())])
    return f"verify-{hashlib.sha256(text.encode()).hexdigest()}"


@define(kw_only=True)
class _Straight:
    """What a straight run showed, and how its values differ from those it was told of."""

    store: str  # of the values that differ
    outputs: dict[int, list[dict[str, Any]]] = field(factory=dict)
    differences: list[dict[str, str]] = field(factory=list)

    @property
    def held(self) -> Held:
        """Its own values where they differ, for another run to be compared with."""
        found: Held = {}
        for item in self.differences:
            found.setdefault(item["stage"], {}).setdefault(item["digest"], []).append(item["name"])
        return found


def _straight(staged: Staged, work: Path, held: Held, store: str) -> _Straight:
    work.mkdir()
    run = _Straight(store=str(work / "store"))
    job_file, result, displays = work / "job.json", work / "result.json", Displays()

    def finished(cell: CellResult) -> None:
        if cell.cell.index >= 0:
            run.outputs[cell.cell.index] = displays.settle(cell.outputs)

    task = Task(
        stage="straight",
        cells=tuple(_with_looks(staged, held, job_file)),
        kernel=staged.kernel,
        folder=staged.folder,
        job=Job(store=run.store, result=str(result), held=store),
        job_file=job_file,
        overflow=work / "output.txt",
        considerate=not staged.alone,
        last=True,
        started=lambda _: None,
        finished=finished,
    )
    with opened(staged.runner) as runner:
        error = runner.run(task)
    # What a cell raised is one of its outputs.
    if error is not None and not (isinstance(error, CellFailed) and error.place.cell is not None):
        raise error
    if error is None:
        run.differences = json.loads(result.read_text(encoding="utf-8"))["differences"]
    return run


def _with_looks(staged: Staged, held: Held, job_file: Path) -> Iterator[Cell]:
    """Yield the cells, and where a stage begins one of ours that looks at the values it is given."""
    above = None
    for cell in staged.cells:
        stage = staged.stage_of(cell.index)
        if stage != above and held.get(stage):
            yield _look(job_file, stage, held)
        above = stage
        yield cell
    if held.get(_END):
        yield _look(job_file, _END, held)


def _look(job_file: Path, stage: str, held: Held) -> Cell:
    return Cell(index=-1, id="", kind="code", source=_CALL.format(path=str(job_file), stage=stage, held=held[stage]))


def _records(staged: Staged) -> list[Record]:
    """Return what the stages left, in order, up to the first that did not finish."""
    records = []
    for stage in staged.pipeline.stages:
        key = staged.report.keys.get(stage.name)
        record = decision.kept(staged.store, key) if key else None
        if record is None:
            break
        records.append(record)
    return records


def _held(staged: Staged, records: list[Record]) -> Held:
    """Find the values that each stage was given, and those at the end; only names that the run kept up to date."""
    line, world, found = staged.pipeline, World(), Held()
    wanted = offer.wanted(line)
    for position, flow in enumerate(line.flows):
        if position:
            given = plan.inputs(position, line, world.versions).names
            found[flow.stage.name] = _digests(world, set(given) & line.keep(position - 1, wanted))
        if position == len(records):
            return found
        world = plan.after(world, flow, records[position])
    found[_END] = _digests(world, set(line.keep(len(records) - 1, wanted)))
    return found


def _digests(world: World, names: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        version = world.versions.get(name)
        if isinstance(version, Artifact) and "." not in name:
            found.setdefault(version.digest, []).append(name)
    return found


def _outputs(run: _Straight, staged: Staged) -> Iterator[Difference]:
    cells = staged.document["cells"]
    return _outputs_of(run.outputs, {index: cells[index]["outputs"] for index in run.outputs}, staged)


def _outputs_of(
    straight: Mapping[int, list[dict[str, Any]]], other: Mapping[int, list[dict[str, Any]]], staged: Staged
) -> Iterator[Difference]:
    for index, outputs in straight.items():
        cell = staged.pipeline.notebook.cells[index]
        for item in runs.outputs(outputs, other.get(index, []), today=date.today()):
            yield evolve(item, cell=index, cell_id=cell.id, stage=staged.stage_of(index))


def _values(run: _Straight, staged: Staged) -> Iterator[Difference]:
    told: set[tuple[str, str]] = set()  # a value that goes through several stages differs in each
    for item in run.differences:
        if (said := (item["name"], item["message"])) in told:
            continue
        told.add(said)
        place = _made(item["name"], item["stage"], staged.pipeline.flows)
        yield Difference(
            kind="value",
            cell=place and place.cell,
            cell_id=place and place.cell_id,
            stage=item["stage"] or None,
            name=item["name"],
            message=item["message"],
        )


def _made(name: str, stage: str, flows: tuple[StageFlow, ...]) -> Any:
    """Return where a name was last set or changed above a stage."""
    above = []
    for flow in flows:
        if flow.stage.name == stage:
            break
        above.append(flow)
    return next((flow.leaves[name].place for flow in reversed(above) if name in flow.leaves), None)


@contextmanager
def _put_back(staged: Staged, records: list[Record], own: Path) -> Iterator[None]:
    """Put the files that the stages wrote back when the block is done."""
    paths = [path for record in records for name in record.files if (path := staged.folder / name).is_file()]
    copies = [(path, shutil.copy2(path, own / f"file-{number}")) for number, path in enumerate(paths)]
    try:
        yield
    finally:
        for path, copy in copies:
            shutil.copy2(copy, path)

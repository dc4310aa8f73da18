"""Run: one execution of a notebook's plan, which leaves events, a record and an executed notebook."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from nb2prod import checks, document, journal, memo, notebook, pipeline, plugins, schema, settings, stock
from nb2prod.candidates import offer
from nb2prod.dataflow import preload
from nb2prod.errors.base import (
    ChecksFailed,
    Nb2ProdError,
    NotebookUnreadable,
    SettingWrong,
    StageUnknown,
    StoreError,
)
from nb2prod.events import Event
from nb2prod.execution import decision
from nb2prod.execution.decision import Context
from nb2prod.execution.execution import Execution
from nb2prod.execution.machine import Machine
from nb2prod.execution.scheduler import Scheduler
from nb2prod.journal import Journal
from nb2prod.report import Report
from nb2prod.runners.choice import open_runner
from nb2prod.stage import defaults
from nb2prod.startup import birth, run_name
from nb2prod.stock import Pin
from nb2prod.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nb2prod.document import Document
    from nb2prod.events import Listener
    from nb2prod.memo import Look
    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Record
    from nb2prod.runners.base import Runner
    from nb2prod.settings import Settings
    from nb2prod.stores.base import Store


@frozen(kw_only=True)
class Options:
    """How to run."""

    parameters: Mapping[str, Any] = field(factory=dict)
    output: str | None = None  # path or URL of the executed notebook; in the run's folder when None
    force: frozenset[str] = frozenset()
    start: str | None = None  # run this stage and those that depend on it, even when kept
    until: str | None = None
    run: str = ""  # the run's name, when somebody has given it one already
    verb: str = "run"  # what the run is for
    folder: Path | None = None  # where the code runs; the notebook's own folder when None
    verify: bool = True  # hold a ship's run against one straight through
    wanted: frozenset[str] = frozenset()  # names to keep to the end besides those of its model
    scheduler: Scheduler | None = None  # that of several runs at once; its own when None


def named(options: Options | None, verb: str) -> Options:
    """Give a run its name, if it has none, and say what it is for."""
    options = options or Options()
    return evolve(options, verb=verb, run=options.run or run_name.new())


def journaled(home: Path, run: str, listen: Listener | None) -> Listener:
    """Return a listener that writes a run's journal and tells `listen`."""
    book = Journal(home, run)

    def tell(event: Event) -> None:
        book(event)
        if listen is not None:
            listen(event)

    return tell


def finish(home: Path, result: dict[str, Any], tell: Listener) -> None:
    """Write a run's result and its last event."""
    journal.write_result(home, result["run"], result)
    tell(Event(kind="end", data={"ok": result["ok"], "result": result}))


def of_file(path: Path, options: Options, chosen: Settings, tell: Listener) -> Report:
    """Run a notebook file; what is wrong with it is in the report."""
    before = memo.look(path)
    try:
        raw = document.read(path)
    except NotebookUnreadable as wrong:
        return _refused(path, options, wrong, tell)
    return of_document(raw, path, options, chosen, tell, before)


def of_document(  # noqa: PLR0913 - all but the last are what a run is of
    raw: Document, path: Path, options: Options, chosen: Settings, tell: Listener, before: Look | None = None
) -> Report:
    """Run a notebook given as JSON, which is filled with outputs; `path` says where it lives.

    `before` is what its file was like, if it is one: the next run then sees whether anything changed.
    """
    try:
        raw = document.parametrised(raw, path.name, options.parameters)
        line = pipeline.build(notebook.parse(raw, path.name))
        found = prepared(line, path, options, chosen)
        document.refuse_output(options.output)
    except Nb2ProdError as wrong:
        return _refused(path, options, wrong, tell)
    _start(path, options, [stage.name for stage in line.stages], tell)
    try:
        _refuse_errors(line, tell)
    except ChecksFailed as wrong:
        return _stopped(path, options, wrong, tell)
    report = _execute(raw, found, options, chosen, tell)
    journal.remember(chosen.home, path, report.keys, options.run)
    name, keys = journal.below(chosen.home, path), journal.remembered(chosen.home, path)
    stock.pin(found.store, Pin(kind="run", name=name, project=chosen.home.resolve().parent.name, keys=keys))
    if before is not None and options.verb == "run":
        memo.write(before, evolve(found, force={}, last=last(chosen.home, path, found.store)), report, chosen)
    return report


def _start(path: Path, options: Options, stages: list[str], tell: Listener) -> None:
    process = {"pid": os.getpid(), "began": birth.began()}
    book = {"notebook": path.name, "path": journal.below(settings.home_of(path), path)}
    about = {"run": options.run, "verb": options.verb, **book, **process, "stages": stages}
    tell(Event(kind="start", data=about))


def _refused(path: Path, options: Options, wrong: Nb2ProdError, tell: Listener) -> Report:
    _start(path, options, [], tell)
    return _stopped(path, options, wrong, tell)


def _stopped(path: Path, options: Options, wrong: Nb2ProdError, tell: Listener) -> Report:
    tell(Event(kind="error", data=schema.error(wrong)))
    return Report(run=options.run, notebook=path.name, outcomes=(), error=wrong, parameters=options.parameters)


def _execute(raw: Document, context: Context, options: Options, chosen: Settings, tell: Listener) -> Report:
    folder = journal.folder_of(chosen.home, options.run)
    workspace = folder / "stages"
    workspace.mkdir(parents=True, exist_ok=True)
    with scheduled(context, options, chosen) as scheduler:
        going = Execution(
            context=context,
            document=raw,
            scheduler=scheduler,
            workspace=workspace,
            listen=tell,
            early=options.scheduler is None,
        )
        going.run()
    return Report(
        run=options.run,
        notebook=context.pipeline.notebook.name,
        outcomes=tuple(going.outcomes),
        values=going.world.versions,
        keys=going.keys,
        parameters=options.parameters,
        metrics=_metrics(context.pipeline, raw),
        output=document.write(raw, options.output, folder),
        error=going.error,
    )


def _told(line: Pipeline) -> frozenset[str]:
    """Return the names of what evaluating stages tell; what reads them knows the numbers among their values."""
    flows = [flow for flow in line.flows if flow.stage.role == "evaluate"]
    if not flows:
        return frozenset()
    from nb2prod.evaluate import printed

    return printed.names(line.stages) & {name for flow in flows for name in flow.leaves}


def _metrics(line: Pipeline, raw: Document) -> dict[str, float]:
    if not any(stage.role == "evaluate" for stage in line.stages):
        return {}
    from nb2prod.evaluate import printed

    return printed.metrics(line.stages, raw)


@contextmanager
def scheduled(context: Context, options: Options, chosen: Settings) -> Iterator[Scheduler]:
    """Open what starts a run's stages, if it is not given one that is open already."""
    if options.scheduler is not None:
        yield options.scheduler
        return
    runner = _runner(chosen, context.kernel)
    cells = [cell for flow in context.pipeline.flows for cell in flow.stage.code_cells]
    # A runner that sends stages elsewhere leaves it to others to share what there is.
    machine = Machine.boundless(chosen.jobs) if getattr(runner, "elsewhere", False) else Machine.here(chosen.jobs)
    scheduler = Scheduler(runner=runner, machine=machine)
    with scheduler.opened(preload.modules(cells, context.preload)):
        yield scheduler


def _runner(chosen: Settings, kernel: str) -> Runner:
    if chosen.runner == "dask":
        make = plugins.find("nb2prod.runners", "dask")
        return make(chosen.cluster, chosen.jobs)  # type: ignore[no-any-return]
    if chosen.cluster is not None:
        raise SettingWrong("cluster", chosen.cluster, f"an address with --executor dask, and not with {chosen.runner}")
    return open_runner(chosen.runner, kernel)


def prepared(line: Pipeline, path: Path, options: Options, chosen: Settings) -> Context:
    """Gather what a pipeline is carried out with.

    Raises:
        StageUnknown: An option names a stage that is not there.
    """
    known = [stage.name for stage in line.stages]
    for name in (*options.force, options.start, options.until):
        if name is not None and name not in known:
            raise StageUnknown(name, tuple(known))
    store, folder = store_of(chosen), options.folder or path.resolve().parent
    return Context(
        pipeline=line,
        folder=folder,
        elsewhere="" if folder.samefile(path.resolve().parent) else os.path.relpath(folder, path.resolve().parent),
        store=store,
        kernel=chosen.kernel or line.notebook.kernel,
        force=_forced(line, options),
        until=options.until,
        wanted=offer.wanted(line) | options.wanted | _told(line),
        preload=chosen.preload,
        last=last(chosen.home, path, store),
        defaults=defaults(chosen.defaults),
    )


def _forced(line: Pipeline, options: Options) -> dict[str, str]:
    """Return the stages that were asked to run, and why."""
    forced = dict.fromkeys(options.force, "it was asked for")
    if options.start is not None:
        forced[options.start] = "the run was asked to begin with it"
        for stage in line.stages:
            above = [*(edge.source for edge in line.edges if edge.target == stage.name), *stage.after]
            found = next((name for name in above if name in forced and name not in options.force), None)
            if found is not None:
                forced.setdefault(stage.name, f"it depends on stage '{found}', which was asked for")
    return forced


def store_of(chosen: Settings) -> Store:
    """Open the store that the settings name."""
    return open_store(str(chosen.home / "store") if chosen.store == "local" else chosen.store)


def checked(raw: Document, name: str) -> Pipeline:
    """Infer the pipeline of a document that has no errors.

    Raises:
        NotebookError: It has.
    """
    line = pipeline.build(notebook.parse(raw, name))
    _refuse_errors(line, lambda _: None)
    return line


def _refuse_errors(line: Pipeline, tell: Listener) -> None:
    found = checks.check(line)
    for finding in found:
        tell(Event(kind="finding", data=schema.finding(finding)))
    errors = tuple(finding for finding in found if finding.severity == "error")
    if errors:
        raise ChecksFailed(errors)


def last(home: Path, path: Path, store: Store) -> dict[str, Record]:
    """Return the records of what ran last of a notebook, by stage."""
    found = {}
    for stage, key in journal.remembered(home, path).items():
        record = decision.kept(store, key)
        if record is not None:
            found[stage] = record
    return found


def recorded(chosen: Settings, path: Path) -> dict[str, Record]:
    """Return what is written about the last run of each stage, whether what it left is still kept or not."""
    found, url = {}, store_of(chosen).url
    for stage, key in journal.remembered(chosen.home, path).items():
        with suppress(StoreError, ValueError, TypeError, KeyError):
            found[stage] = _record(url, key)
    return found


@lru_cache(maxsize=1024)  # asked for with each keystroke; what is under a key says the same for good
def _record(url: str, key: str) -> Record:
    return schema.read_record(open_store(url).get(key))

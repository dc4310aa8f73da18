"""The verbs; the one place where decisions meet effects."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import psutil
from attrs import asdict, evolve, field, frozen

from nb2prod import candidate, checks, execution, journal, notebook, pipeline, plugins, release, schema, settings
from nb2prod.errors import (
    CellFailed,
    ChecksFailed,
    Nb2ProdError,
    NotebookUnreadable,
    OutputRefused,
    ParameterUnknown,
    RunUnknown,
    StageUnknown,
)
from nb2prod.events import Event
from nb2prod.execution import Context, Execution
from nb2prod.journal import Journal
from nb2prod.refusals import StagedDiffers
from nb2prod.report import Report
from nb2prod.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nb2prod.checks import Finding
    from nb2prod.events import Listener
    from nb2prod.notebook import Notebook
    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Record, Step
    from nb2prod.release import Release
    from nb2prod.settings import Settings
    from nb2prod.stores.base import Store
    from nb2prod.targets.base import Service, Target

Document = dict[str, Any]

_LOG = logging.getLogger(__name__)


@frozen(kw_only=True)
class Options:
    """How to run."""

    parameters: Mapping[str, Any] = field(factory=dict)
    output: str | None = None  # path or URL of the executed notebook; in the run's folder when None
    force: frozenset[str] = frozenset()
    until: str | None = None
    run: str = ""  # the run's name, when somebody has given it one already
    verb: str = "run"  # what the run is for
    folder: Path | None = None  # where the code runs; the notebook's own folder when None
    verify: bool = True  # hold a ship's run against one straight through


def document(path: Path) -> Document:
    """Read a notebook file as JSON in nbformat 4; older formats are brought up to it.

    Raises:
        NotebookUnreadable: It is no notebook.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise NotebookUnreadable(str(path), f"{type(wrong).__name__}: {wrong}") from wrong
    if isinstance(found, dict) and found.get("nbformat") in {1, 2, 3}:
        import nbformat

        try:
            found = nbformat.convert(nbformat.from_dict(found), 4)
        except (LookupError, TypeError, AttributeError, ValueError, nbformat.ValidationError) as wrong:
            reason = f"it is in format {found['nbformat']}, and malformed ({type(wrong).__name__}: {wrong})"
            raise NotebookUnreadable(str(path), reason) from wrong
    if not isinstance(found, dict):
        raise NotebookUnreadable(str(path), "it is JSON, but no notebook")
    return found


def read(path: Path) -> Notebook:
    """Read a notebook file."""
    return notebook.parse(document(path), path.name)


def inspect(book: Notebook) -> tuple[Pipeline, tuple[Finding, ...]]:
    """Infer the pipeline of a notebook and check it, without running anything."""
    line = pipeline.build(book)
    return line, checks.check(line)


def graph(book: Notebook) -> dict[str, Any]:
    """Return the pipeline and findings of a notebook as JSON."""
    return schema.graph(*inspect(book))


def plan(path: Path, options: Options | None = None, chosen: Settings | None = None) -> tuple[Step, ...]:
    """Return what a run would do, and why.

    Raises:
        NotebookError: The notebook cannot be read or has errors.
    """
    options = options or Options()
    chosen = chosen or settings.read(path)
    line = _checked(_parametrised(document(path), path.name, options), path.name)
    return execution.steps(_context(line, path, options, chosen))


def run(
    path: Path, options: Options | None = None, chosen: Settings | None = None, listen: Listener | None = None
) -> Report:
    """Run the stages of a notebook that are not kept; leave an executed notebook, a record and a report.

    Errors of the notebook's own code are in the report; the record in `.nb2prod/runs` is written in any case.
    """
    chosen, options = chosen or settings.read(path), _named(options, "run")
    tell = _journaled(chosen.home, options.run, listen)
    report = run_file(path, options, chosen, tell)
    finish(chosen.home, schema.report(report), tell)
    return report


def _named(options: Options | None, verb: str) -> Options:
    options = options or Options()
    return evolve(options, verb=verb, run=options.run or journal.new_run())


def _journaled(home: Path, run: str, listen: Listener | None) -> Listener:
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


@frozen(kw_only=True)
class Serving:
    """Whether and where a ship's service is started."""

    target: str | None = None  # the name of a target; none is started without
    port: int | None = None


def ship(
    path: Path,
    options: Options | None = None,
    chosen: Settings | None = None,
    serving: Serving | None = None,
    listen: Listener | None = None,
) -> dict[str, Any]:
    """Run a notebook, package its model, rehearse the package and release it; return the ship's JSON.

    What stops it is in the result, under `error`; the record in `.nb2prod/runs` is written in any case.
    """
    from nb2prod import shipping

    chosen, serving, options = chosen or settings.read(path), serving or Serving(), _named(options, "ship")
    tell = _journaled(chosen.home, options.run, listen)
    with shipping.running(tell) as watch:
        report = run_file(path, options, chosen, watch)
    shipped, refused, verdict = None, report.error, None
    if report.ok:
        try:
            if options.verify:
                verdict = shipping.verified(path, report, tell, store=store_of(chosen), chosen=chosen)
            source = shipping.source(path, report, store=store_of(chosen), home=chosen.home)
            shipped = shipping.ship(source, tell)
            if serving.target:
                shipped = shipping.serve(shipped, target_of(chosen.home, serving.target), tell, port=serving.port)
        except Nb2ProdError as wrong:
            refused, verdict = wrong, wrong.verdict if isinstance(wrong, StagedDiffers) else verdict
            tell(Event(kind="error", data=schema.error(wrong)))
    result = shipping.result(chosen.home, report, shipped, refused)
    result["verify"] = None if verdict is None else schema.verdict(verdict)
    finish(chosen.home, result, tell)
    return result


def verify(
    path: Path, options: Options | None = None, chosen: Settings | None = None, listen: Listener | None = None
) -> dict[str, Any]:
    """Run a notebook stage by stage and straight through, and compare; return the run's JSON and what was found.

    What stops it is in the result, under `error`.
    """
    from nb2prod import shipping, verify

    chosen = chosen or settings.read(path)
    report = run(path, options, chosen, listen)
    found, error = None, report.error
    if report.ok or isinstance(report.error, CellFailed):
        try:
            with shipping.cancellable(), shipping.step("verify", listen or (lambda _: None)):
                found = verify.verify(verify.gather(path, report, store=store_of(chosen), chosen=chosen))
        except Nb2ProdError as wrong:
            error = wrong
    ok = error is None and found is not None and found.equal
    compared = {"ok": ok, "error": error and schema.error(error), "verify": found and schema.verdict(found)}
    return schema.report(report, verb="verify") | compared


def run_file(path: Path, options: Options, chosen: Settings, tell: Listener) -> Report:
    """Run a notebook file; what is wrong with it is in the report."""
    try:
        raw = document(path)
    except NotebookUnreadable as wrong:
        return _refused(path, options, wrong, tell)
    return run_document(raw, path, options, chosen, tell)


def run_document(raw: Document, path: Path, options: Options, chosen: Settings, tell: Listener) -> Report:
    """Run a notebook given as JSON, which is filled with outputs; `path` says where it lives."""
    try:
        raw = _parametrised(raw, path.name, options)
        line = pipeline.build(notebook.parse(raw, path.name))
        context = _context(line, path, options, chosen)
        _refuse_output(options.output)
    except Nb2ProdError as wrong:
        return _refused(path, options, wrong, tell)
    _start(path, options, [stage.name for stage in line.stages], tell)
    try:
        _refuse_errors(line, tell)
    except ChecksFailed as wrong:
        return _stopped(path, options, wrong, tell)
    report = _execute(raw, context, options, chosen, tell)
    page = _write_page(raw, report, path, chosen.home)
    journal.remember(chosen.home, path, report.keys, page if report.ok else None)
    return evolve(report, page=page)


def _start(path: Path, options: Options, stages: list[str], tell: Listener) -> None:
    process = {"pid": os.getpid(), "began": psutil.Process().create_time()}
    about = {"run": options.run, "verb": options.verb, "notebook": path.name, **process, "stages": stages}
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
    runner = plugins.find("nb2prod.runners", chosen.runner)()
    going = Execution(context=context, document=raw, runner=runner, workspace=workspace, listen=tell)
    going.run()
    return Report(
        run=options.run,
        notebook=context.pipeline.notebook.name,
        outcomes=tuple(going.outcomes),
        values=going.world.versions,
        keys=going.keys,
        parameters=options.parameters,
        output=_write_output(raw, options.output, folder),
        error=going.error,
    )


def _refuse_output(output: str | None) -> None:
    """Stop before hours of work whose result could not be written."""
    if output is None or "://" in output:
        return
    above = next(folder for folder in Path(output).absolute().parents if folder.exists())
    if Path(output).is_dir():
        raise OutputRefused(output, "it is a folder")
    if not above.is_dir():
        raise OutputRefused(output, f"'{above}' is a file")
    if not os.access(above, os.W_OK):
        raise OutputRefused(output, f"'{above}' may not be written")


def _write_output(raw: Document, output: str | None, folder: Path) -> Path:
    own = folder / "executed.ipynb"
    text = json.dumps(raw, indent=1, ensure_ascii=False) + "\n"
    # Half of a character, which UTF-8 has no place for, is written as JSON's escape of it.
    journal.write_whole(own, text.encode("utf-8", "backslashreplace").decode())
    if output is None:
        return own
    if "://" in output:
        from papermill.iorw import papermill_io

        papermill_io.write(own.read_text(encoding="utf-8"), output)
    else:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        journal.write_whole(Path(output), own.read_text(encoding="utf-8"))
    return Path(output)


def _write_page(raw: Document, report: Report, path: Path, home: Path) -> Path | None:
    """Write the HTML report; a run that ran nothing points at the last one, whose outputs are the same."""
    if report.ok and all(outcome.action == "reuse" for outcome in report.outcomes):
        earlier = journal.page_of(home, path, report.keys)
        if earlier is not None:
            return earlier
    from nb2prod import page

    file = journal.folder_of(home, report.run) / "report.html"
    try:
        journal.write_whole(file, page.render(raw, report))
    except Exception as wrong:  # noqa: BLE001 - what nbconvert makes of a notebook must not cost a run its result
        _LOG.warning("No HTML report of run %s: %s: %s", report.run, type(wrong).__name__, wrong)
        return None
    return file


def _context(line: Pipeline, path: Path, options: Options, chosen: Settings) -> Context:
    known = [stage.name for stage in line.stages]
    for name in (*options.force, *([options.until] if options.until else [])):
        if name not in known:
            raise StageUnknown(name, tuple(known))
    store, folder = store_of(chosen), options.folder or path.resolve().parent
    return Context(
        pipeline=line,
        folder=folder,
        elsewhere="" if folder.samefile(path.resolve().parent) else os.path.relpath(folder, path.resolve().parent),
        store=store,
        kernel=chosen.kernel or line.notebook.kernel,
        force=options.force,
        until=options.until,
        wanted=candidate.wanted(line),
        last=_last(chosen.home, path, store),
    )


def store_of(chosen: Settings) -> Store:
    """Open the store that the settings name."""
    return open_store(str(chosen.home / "store") if chosen.store == "local" else chosen.store)


def _checked(raw: Document, name: str) -> Pipeline:
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


def _parametrised(raw: Document, name: str, options: Options) -> Document:
    """Put new values below the defaults, as papermill does."""
    if not options.parameters:
        return raw
    known = tuple(item.name for item in pipeline.build(notebook.parse(raw, name)).parameters)
    unknown = tuple(name for name in options.parameters if name not in known)
    if unknown:
        raise ParameterUnknown(unknown, known)
    import nbformat
    from papermill.parameterize import parameterize_notebook

    node = nbformat.from_dict(raw)
    node.metadata.setdefault("papermill", {})
    for cell in node.cells:
        cell.metadata.setdefault("tags", [])  # papermill's own reader adds them, and its writer counts on it
    return dict(parameterize_notebook(node, dict(options.parameters), kernel_name="python3", language="python"))


def _last(home: Path, path: Path, store: Store) -> dict[str, Record]:
    found = {}
    for stage, key in journal.remembered(home, path).items():
        record = execution.kept(store, key)
        if record is not None:
            found[stage] = record
    return found


def extract(path: Path, out: Path) -> list[Path]:
    """Write a notebook as one runnable notebook a stage, and as a Python package with a test.

    Returns:
        The files written, in order. Those that are there already are replaced, others are left alone.

    Raises:
        NotebookError: The notebook cannot be read, has errors, or has a cell that has no place in a module.
    """
    from nb2prod import emit

    line = _checked(document(path), path.name)
    chosen = settings.read(path)
    last = _last(chosen.home, path, store_of(chosen))
    left = [artifact for stage in line.stages if stage.name in last for artifact in last[stage.name].artifacts]
    kinds = {name: kind for item in left for name, kind in zip(item.names, item.kinds, strict=False)}
    written = []
    for name, content in emit.files(line, kinds=kinds).items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        journal.write_whole(target, content)
        written.append(target)
    for name in emit.mentioned(line):
        source = path.resolve().parent / name
        if source.is_file():
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            written.append(target)
    return written


def show(home: Path, name: str) -> dict[str, Any]:
    """Return the result of a run, or a release.

    Raises:
        RunUnknown: There is neither of that name, or the run has not ended.
    """
    if release.ID.fullmatch(name):
        return show_release(home, name)
    found = journal.result(home, name)
    if found is None:
        raise RunUnknown(name)
    return found


def show_release(home: Path, name: str) -> dict[str, Any]:
    """Return a release and how it is served as JSON."""
    found = asdict(release.read(home, name))
    return {**found, "release": name, "example": release.example(home, name), "service": asdict(status(home, name))}


def ask(url: str, rows: list[Any]) -> Any:
    """Ask a service for predictions, as its stakeholders would."""
    body = json.dumps({"rows": rows}).encode()
    # A URL that a target gave, so one of http.
    request = Request(f"{url}/predict", body, {"content-type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def releases(home: Path) -> tuple[Release, ...]:
    """Return the releases of a folder of records, newest first."""
    return release.releases(home)


def serve(home: Path, name: str, *, target: str = "local", port: int | None = None) -> Service:
    """Start the service of a release, if it is not running.

    Raises:
        RunUnknown: There is no such release.
        ServiceNotReady: It does not start.
    """
    return target_of(home, target).start(release.read(home, name), port=port)


def stop(home: Path, name: str, *, target: str = "local") -> Service:
    """Stop the service of a release, if it is running."""
    return target_of(home, target).stop(release.read(home, name).id)


def status(home: Path, name: str, *, target: str = "local") -> Service:
    """Say whether a release is served, and where."""
    return target_of(home, target).status(release.read(home, name).id)


def target_of(home: Path, name: str) -> Target:
    """Return a target by name."""
    found: Target = plugins.find("nb2prod.targets", name)(home)
    return found

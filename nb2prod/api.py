"""The verbs; the one place where decisions meet effects."""

from __future__ import annotations

import importlib
import shutil
from typing import TYPE_CHECKING, Any

from attrs import evolve

from nb2prod import checks, document, edits, evidence, journal, notebook, pipeline, schema, settings
from nb2prod import run as _run
from nb2prod.errors.base import Nb2ProdError
from nb2prod.errors.runs import CellFailed, RunCancelled
from nb2prod.errors.ships import StagedDiffers
from nb2prod.errors.stores import mendable
from nb2prod.events import Event
from nb2prod.execution import decision
from nb2prod.run import Options, store_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nb2prod.checks import Finding
    from nb2prod.compare.runs import Verdict
    from nb2prod.debugging import debug
    from nb2prod.deploying.delivery import deploy
    from nb2prod.deploying.promotion import deployments, promote, retire, rollback
    from nb2prod.deploying.services import Serving, ask, releases, serve, show_release, status, stop, target_of
    from nb2prod.document import Document
    from nb2prod.events import Listener
    from nb2prod.mending import fix, mend
    from nb2prod.monitor import monitor
    from nb2prod.notebook import Notebook
    from nb2prod.pipeline import Pipeline
    from nb2prod.plan import Step
    from nb2prod.records import compare, report_page, show
    from nb2prod.report import Report
    from nb2prod.reproduction.reproduce import reproduce
    from nb2prod.settings import Settings
    from nb2prod.shipping.steps import Served, Shipped

__all__ = [
    "Options",
    "Serving",
    "accept",
    "ask",
    "compare",
    "debug",
    "deploy",
    "deployments",
    "extract",
    "fix",
    "graph",
    "inspect",
    "mend",
    "monitor",
    "plan",
    "promote",
    "read",
    "releases",
    "report_page",
    "reproduce",
    "retire",
    "rollback",
    "run",
    "serve",
    "ship",
    "show",
    "show_release",
    "status",
    "stop",
    "store_of",
    "suggest",
    "sweep",
    "target_of",
    "verify",
]

# Verbs of modules that a run has no use for, and which take as long to import as it takes to plan.
_LATER = {
    "debugging": ("debug",), "deploying.delivery": ("deploy",),
    "deploying.promotion": ("deployments", "promote", "retire", "rollback"), "mending": ("fix", "mend"),
    "monitor": ("monitor",), "records": ("compare", "report_page", "show"), "reproduction.reproduce": ("reproduce",),
    "deploying.services": ("Serving", "ask", "releases", "serve", "show_release", "status", "stop", "target_of"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a verb when it is first asked for."""
    for module, verbs in _LATER.items():
        if name in verbs:
            return getattr(importlib.import_module(f"nb2prod.{module}"), name)
    raise AttributeError(f"module 'nb2prod.api' has no attribute '{name}'")


def read(path: Path) -> Notebook:
    """Read a notebook file."""
    return notebook.parse(document.read(path), path.name)


def inspect(book: Notebook, path: Path | None = None, top: Path | None = None) -> tuple[Pipeline, tuple[Finding, ...]]:
    """Infer the pipeline of a notebook and check it, without running anything.

    With its path the packages that it imports are checked, too: whether they are installed, and named by the project's
    list of requirements, which is not looked for above the folder `top`.
    """
    line = pipeline.build(book)
    if path is None:
        return line, checks.check(line)
    from nb2prod.packages import imported

    return line, checks.check(line, imported.packages(line, path, top))


def graph(
    book: Notebook, path: Path | None = None, chosen: Settings | None = None, top: Path | None = None
) -> dict[str, Any]:
    """Return the pipeline and findings of a notebook as JSON; with its path also what its last run saw of the edges."""
    line, found = inspect(book, path, top)
    if path is None:
        return schema.graph(line, found)
    chosen = chosen or settings.read(path)
    last = _run.recorded(chosen, path)
    return schema.graph(line, found, evidence.seen(line, last, journal.ran(chosen.home, path)))


def suggest(book: Notebook, *, magic: bool = False) -> dict[str, Any]:
    """Propose stages for a notebook, as JSON, with the edits that accept them: by metadata, or by `%%stage` lines."""
    from nb2prod import suggest

    found = suggest.suggest(book)
    return schema.suggestion(book.name, found, suggest.edits(book, found, magic=magic))


def accept(path: Path, *, magic: bool = False, out: Path | None = None, only: str | None = None) -> dict[str, Any]:
    """Tag a notebook file, or a copy of it, as `suggest` proposes, with all stages or `only` one; return the proposal.

    Raises:
        NotebookUnreadable: It is no notebook, or in an older format, of which nothing would stay as it was.
        OutputRefused: It cannot be written.
    """
    from nb2prod import suggest

    book = read(path)
    found = tuple(item for item in suggest.suggest(book) if only in {None, item.name})
    made = suggest.edits(book, found, magic=magic)
    document.edited(path, lambda raw: edits.apply(raw, made), out or path)
    return schema.suggestion(book.name, found, made)


def plan(
    path: Path, options: Options | None = None, chosen: Settings | None = None, raw: Document | None = None
) -> tuple[Step, ...]:
    """Return what a run would do, and why; `raw` is the notebook as it is in an editor, else the file is read.

    Raises:
        NotebookError: The notebook cannot be read or has errors.
    """
    options = options or Options()
    chosen = chosen or settings.read(path)
    raw = document.parametrised(document.read(path) if raw is None else raw, path.name, options.parameters)
    line = _run.checked(raw, path.name)
    return decision.steps(_run.prepared(line, path, options, chosen))


def review(path: Path, options: Options | None = None, raw: Document | None = None) -> dict[str, Any]:
    """Return what a ship would run and put into a release; `raw` is the notebook as it is in an editor.

    Raises:
        NotebookError: The notebook cannot be read or has errors.
    """
    from nb2prod import review

    book = notebook.parse(document.read(path) if raw is None else raw, path.name)
    return review.of(pipeline.build(book), plan(path, options, raw=raw), path.resolve().parent)


def run(
    path: Path, options: Options | None = None, chosen: Settings | None = None, listen: Listener | None = None
) -> Report:
    """Run the stages of a notebook that are not kept; leave an executed notebook, a record and a report.

    Errors of the notebook's own code are in the report; the record in `.nb2prod/runs` is written in any case.
    """
    chosen, options = chosen or settings.read(path), _run.named(options, "run")
    tell = _run.journaled(chosen.home, options.run, listen)
    report = _run.of_file(path, options, chosen, tell)
    _run.finish(chosen.home, schema.report(report), tell)
    return report


def ship(
    path: Path,
    options: Options | None = None,
    chosen: Settings | None = None,
    serving: Serving | None = None,
    listen: Listener | None = None,
) -> dict[str, Any]:
    """Run a notebook, package its model, rehearse the package and release it; return the ship's JSON.

    What stops it is in the result, under `error`; the record in `.nb2prod/runs` is written in any case.

    Raises:
        PolicyWrong: The project's policy cannot be read; nothing was run.
    """
    from nb2prod import policy
    from nb2prod.deploying import services
    from nb2prod.packers import packer
    from nb2prod.shipping import steps

    policy.rules(settings.policy_of(path))  # before hours of training

    chosen, options = chosen or settings.read(path), _run.named(options, "ship")
    serving = serving or services.Serving()
    tell = _run.journaled(chosen.home, options.run, listen)
    # What the policy bounds may be a number that the notebook has.
    options = evolve(options, wanted=options.wanted | settings.bounded(path))
    with steps.running(tell) as watch:
        report = _run.of_file(path, options, chosen, watch)
    shipped, refused, verdict, delivery = None, report.error, None, None
    store = store_of(chosen)

    def held() -> Verdict | None:
        nonlocal verdict
        verdict = steps.verified(path, report, tell, store=store, chosen=chosen) if options.verify else None
        return verdict

    if report.ok:
        try:
            served = _served(chosen.home, serving)
            shipped = steps.ship(packer.source(path, report, store=store, home=chosen.home), tell, held, served)
            if served is not None:
                shipped = steps.serve(shipped, served, tell)
            elif serving.target is not None:
                delivery = _delivered(chosen.home, shipped, serving.target, tell)
        except (Nb2ProdError, OSError) as wrong:
            refused, verdict = mendable(wrong), wrong.verdict if isinstance(wrong, StagedDiffers) else verdict
            if refused is None:
                raise
            tell(Event(kind="error", data=schema.error(refused)))
    result = steps.result(chosen.home, report, shipped, refused)
    result |= {"verify": None if verdict is None else schema.verdict(verdict), "delivery": delivery}
    # Who stopped it waits for its end; `report` draws the page if somebody asks.
    result["report"] = None if isinstance(refused, RunCancelled) else _drawn(chosen.home, result)
    _run.finish(chosen.home, result, tell)
    return result


def _served(home: Path, serving: Serving) -> Served | None:
    """Say where a release will be served, unless it is only handed over."""
    from nb2prod.deploying import delivery, services
    from nb2prod.shipping import steps

    if serving.target is None or delivery.takes(serving.target):
        return None
    return steps.Served(target=services.target_of(home, serving.target), port=serving.port)


def _delivered(home: Path, shipped: Shipped, target: str, tell: Listener) -> dict[str, Any]:
    """Hand over what was shipped."""
    from nb2prod.deploying import delivery
    from nb2prod.shipping import steps

    with steps.cancellable(), steps.step("deliver", tell) as say:
        delivered = delivery.deploy(home, shipped.release.id, target=target)
        say(delivered["folder"])
    return delivered


def sweep(  # noqa: PLR0913 - what a sweep is of
    path: Path, axes: Sequence[str], options: Options, chosen: Settings, listen: Listener, by: str | None = None
) -> dict[str, Any]:
    """Run a notebook with every combination of parameters, and tell which is best `by` a measure; return its JSON."""
    from nb2prod import sweep

    return sweep.sweep(path, axes, options, chosen, listen, by)


def verify(
    path: Path, options: Options | None = None, chosen: Settings | None = None, listen: Listener | None = None
) -> dict[str, Any]:
    """Run a notebook stage by stage and straight through, and compare; return the run's JSON and what was found.

    What stops it is in the result, under `error`.
    """
    from nb2prod import verify
    from nb2prod.shipping import steps

    chosen = chosen or settings.read(path)
    report = run(path, options, chosen, listen)
    found, error = None, report.error
    if report.ok or isinstance(report.error, CellFailed):
        try:
            with steps.cancellable(), steps.step("verify", listen or (lambda _: None)):
                found = verify.verify(verify.gather(path, report, store=store_of(chosen), chosen=chosen))
        except Nb2ProdError as wrong:
            error = wrong
    ok = error is None and found is not None and found.equal
    compared = {"ok": ok, "error": error and schema.error(error), "verify": found and schema.verdict(found)}
    return schema.report(report, verb="verify") | compared


def extract(path: Path, out: Path) -> list[Path]:
    """Write a notebook as one runnable notebook a stage, and as a Python package with a test.

    Returns:
        The files written, in order. Those that are there already are replaced, others are left alone.

    Raises:
        NotebookError: The notebook cannot be read, has errors, or has a cell that has no place in a module.
        FolderTaken: The folder has files of these names that come from elsewhere.
    """
    from nb2prod import emit
    from nb2prod.errors.deliveries import FolderTaken

    line = _run.checked(document.read(path), path.name)
    chosen = settings.read(path)
    last = _run.last(chosen.home, path, store_of(chosen))
    left = [artifact for stage in line.stages if stage.name in last for artifact in last[stage.name].artifacts]
    kinds = {name: kind for item in left for name, kind in zip(item.names, item.kinds, strict=False)}
    files, written = emit.files(line, kinds=kinds), []
    there = [name for name in files if (out / name).exists()]
    if there and not any(name.endswith("/pipeline.py") for name in there):  # they are of no extraction before
        raise FolderTaken(str(out))
    for name, content in files.items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        journal.write_whole(target, content)
        written.append(target)
    for name in emit.mentioned(line):
        source, target = path.resolve().parent / name, out / name
        if source.is_file() and not (target.exists() and target.samefile(source)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            written.append(target)
    return written


def _drawn(home: Path, result: dict[str, Any]) -> str | None:
    import logging

    from nb2prod import page

    try:
        return str(page.write(home, result))
    except Exception as wrong:  # noqa: BLE001 - what nbconvert makes of a notebook must not cost a ship its result
        logging.getLogger(__name__).warning(
            "No HTML report of run %s: %s: %s", result["run"], type(wrong).__name__, wrong
        )
        return None

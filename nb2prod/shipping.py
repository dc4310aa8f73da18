"""Shipping: the steps that turn a finished run into a release, and a release into a running service."""

from __future__ import annotations

import hashlib
import json
import pickle
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

from nb2prod import (
    bundle,
    environment,
    journal,
    notebook,
    origin,
    pipeline,
    policy,
    rehearse,
    release,
    risk,
    risk_page,
    schema,
    settings,
    stock,
    verify,
)
from nb2prod.compare import Verdict
from nb2prod.errors import Nb2ProdError, Place
from nb2prod.events import Event, Listener
from nb2prod.failures import RunCancelled
from nb2prod.order import Order, Packed
from nb2prod.origin import Ran
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Gate, Rules
from nb2prod.refusals import GateClosed, PackingEnded, StagedDiffers
from nb2prod.rehearse import Rehearsal
from nb2prod.release import Release
from nb2prod.report import Report
from nb2prod.settings import Settings
from nb2prod.stage import code
from nb2prod.stock import Pin
from nb2prod.stores.base import Store
from nb2prod.targets.base import Service, Target


@frozen(kw_only=True)
class Source:
    """A run that went well, and where its parts are."""

    report: Report
    pipeline: Pipeline
    store: Store
    folder: Path  # the notebook's
    home: Path  # of its records
    rules: Rules


def source(path: Path, report: Report, *, store: Store, home: Path) -> Source:
    """Gather what the run of a notebook left; its cells are those that ran, whatever was written to the file since."""
    ran = json.loads(_executed(home, report.run).read_text(encoding="utf-8"))
    line = pipeline.build(notebook.parse(ran, path.name))
    rules = policy.rules(settings.policy_of(path))
    return Source(report=report, pipeline=line, store=store, folder=path.resolve().parent, home=home, rules=rules)


def _executed(home: Path, run: str) -> Path:
    return journal.folder_of(home, run) / "executed.ipynb"


@frozen(kw_only=True)
class Shipped:
    """What a ship left behind."""

    release: Release
    service: Service | None = None


def verified(path: Path, report: Report, listen: Listener, *, store: Store, chosen: Settings) -> Verdict:
    """Hold the stages against the notebook run straight through, unless that was done and nothing changed since.

    Raises:
        StagedDiffers: The stages do something else.
        RunError: There is no straight run to compare with.
        RunCancelled: Somebody stopped it.
    """
    with cancellable(), step("verify", listen) as tell:
        verdict = verify.remembered(report, store)
        tell("" if verdict is None else "as before")
        if verdict is None:
            verdict = verify.verify(verify.gather(path, report, store=store, chosen=chosen))
            unstable = f", {len(verdict.unstable)} unstable" if verdict.unstable else ""
            tell(f"{verdict.cells} cells, {verdict.names} values{unstable}")
        if verdict.differences:
            first = verdict.differences[0]
            place = Place(cell=first.cell, cell_id=first.cell_id, stage=first.stage)
            raise StagedDiffers(place, first.message, len(verdict.differences) - 1, verdict)
    return verdict


def ship(source: Source, listen: Listener, verdict: Verdict | None = None) -> Shipped:
    """Package the model of a run, rehearse the package, and release it.

    Args:
        source: The run.
        verdict: On its stages, held against a straight run.
        listen: Told of the steps baseline, package, rehearse and release.

    Raises:
        ShipError: The model may not be shipped. No release is left then, and no Bento.
        RunCancelled: Somebody stopped it; likewise.
    """
    with cancellable():
        return Shipped(release=_made(source, listen, verdict))


def serve(shipped: Shipped, target: Target, listen: Listener, *, port: int | None = None) -> Shipped:
    """Serve what was shipped; it stays a release when that fails.

    Raises:
        ServiceNotReady: It does not start.
        RunCancelled: Somebody stopped it.
    """
    with cancellable(), step("serve", listen) as tell:
        service = target.start(shipped.release, port=port)
        tell(service.url)
    return evolve(shipped, service=service)


@contextmanager
def cancellable() -> Iterator[None]:
    """Say as an error that somebody stopped the block."""
    try:
        yield
    except KeyboardInterrupt:
        raise RunCancelled(Place()) from None


def _made(source: Source, listen: Listener, verdict: Verdict | None) -> Release:
    """Make the release; the generated files and logs of one that fails stay in the run's folder, `ship`."""
    work = journal.folder_of(source.home, source.report.run) / "ship"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="nb2prod-") as own:
        home, archive = Path(own) / "bentoml", Path(own) / "service.bento"
        home.mkdir()
        with packing(source, work, Path(own)) as process:
            with step("baseline", listen):
                process.measured()
            with step("package", listen) as tell:
                packed = process.packed()
                tag = bundle.build(work / "service", version=packed.version, home=home, archive=archive)
                tell(tag)
        with step("rehearse", listen) as tell:
            tried = rehearse.rehearse(tag, packed, home=home, work=work)
            way = ", without a fast path" if packed.fast and not packed.fast.used else ""
            tell(f"{tried.rows} rows equal, {tried.p50_ms:.1f} ms a request{way}")
        with step("release", listen) as tell:
            fit = Fit(packed=packed, tried=tried, tag=tag, service=work / "service", archive=archive, verdict=verdict)
            made = _released(source, fit)
            tell(made.id)
    shutil.rmtree(work)
    return made


@frozen(kw_only=True)
class Packing:
    """The process that measures the model and writes the files of its service."""

    child: subprocess.Popen[str]
    result: Path
    log: Path

    def measured(self) -> None:
        """Wait until the model is measured."""
        assert self.child.stdout is not None
        if not self.child.stdout.readline():
            self.packed()

    def packed(self) -> Packed:
        """Wait for the result, or raise the refusal."""
        status = self.child.wait()
        if not self.result.exists():
            raise PackingEnded(status, self.log.read_text(encoding="utf-8", errors="replace")[-4000:])
        found: Packed | Nb2ProdError = pickle.loads(self.result.read_bytes())  # noqa: S301  written a moment ago, by us
        if isinstance(found, Nb2ProdError):
            raise found
        return found


@frozen(kw_only=True)
class Fit:
    """A package that was rehearsed."""

    packed: Packed
    tried: Rehearsal
    tag: str  # of the Bento
    service: Path  # its files
    archive: Path
    verdict: Verdict | None  # staged against straight

    @property
    def risks(self) -> risk.Known:
        """Return what a release does not hold itself."""
        compared, verdict = self.packed.compared, self.verdict
        return risk.Known(
            size=self.packed.size,
            security=self.packed.security,
            verify=None if verdict is None else schema.verdict(verdict),
            better_by=None if compared is None else compared.better_by,
        )


@contextmanager
def packing(source: Source, work: Path, own: Path) -> Iterator[Packing]:
    """Start to pack; nothing of it goes on after the block."""
    order, result, log = own / "order.pkl", own / "packed.pkl", work / "pack.log"
    folder, values = str(work / "service"), dict(source.report.values)
    wanted = Order(
        notebook=source.pipeline.notebook,
        store=source.store.url,
        values=values,
        folder=folder,
        executed=str(_executed(source.home, source.report.run).resolve()),
        rules=source.rules,
    )
    order.write_bytes(pickle.dumps(wanted))
    command = [sys.executable, "-m", "nb2prod.pack", str(order), str(result)]
    with log.open("wb") as said:
        child = subprocess.Popen(command, cwd=source.folder, stdout=subprocess.PIPE, stderr=said, text=True)
    with child:
        try:
            yield Packing(child=child, result=result, log=log)
        except BaseException:
            child.kill()
            raise


def _released(source: Source, fit: Fit) -> Release:
    """Put everything in its place, the manifest last; take it all back if that fails."""
    packed = fit.packed
    name = f"{packed.name.tag}-{source.report.run}"
    folder = release.new_folder(source.home, name)
    store = bundle.user_home()
    new = False
    try:
        archive = folder / f"{packed.name.tag}.bento"
        shutil.move(fit.archive, archive)
        shutil.move(fit.service, folder / "service")
        found = _manifest(source, fit, archive)
        risk_page.write(folder, risk.sheet(found, source.rules, fit.risks))
        origin.keep(folder / origin.FOLDER, _ran(source))
        found = evolve(found, files=release.hashes(folder))
        new = bundle.import_bento(archive, fit.tag, home=store)
        release.write(source.home, found)
        project = source.home.resolve().parent.name
        stock.pin(source.store, Pin(kind="release", name=name, project=project, keys=source.report.keys))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            bundle.delete_bento(fit.tag, home=store)
        raise
    return found


def _gate(source: Source, fit: Fit) -> Gate:
    """Judge what was packed and rehearsed by the project's policy.

    Raises:
        GateClosed: It may not be shipped.
    """
    rules, packed, tried = source.rules, fit.packed, fit.tried
    dear = risk.bounded(packed.size, risk.cost(rules, tried.cpu_ms))
    verdicts = [
        *_beaten(rules, packed),
        policy.same(packed.kind, equal=tried.equal, rows=tried.rows),
        policy.licensed(packed.licences, rules.forbidden_licences),
        *policy.bounded(rules, {**packed.metrics, **asdict(tried), **dear}),
    ]
    found = policy.gate(rules, verdicts)
    if not found.ok:
        raise GateClosed(tuple((v.rule, v.detail) for v in found.verdicts if v.stops))
    return found


def _beaten(rules: Rules, packed: Packed) -> Iterator[policy.Verdict]:
    """Say whether a model is better than what it was compared with; what is no model is not."""
    if packed.baseline is not None and rules.baseline != "off":
        beats = policy.beats(packed.kind, packed.metrics, packed.baseline.metrics, packed.compared)
        yield evolve(beats, severity=rules.baseline)


def _manifest(source: Source, fit: Fit, archive: Path) -> Release:
    gate, packed = _gate(source, fit), fit.packed
    return Release(
        id=archive.parent.name,
        run=source.report.run,
        notebook=source.pipeline.notebook.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code=code_of(source.pipeline),
        data={
            **{f"file:{path}": digest for path, digest in _files(source).items()},
            **{f"rows:{part}": digest for part, digest in packed.data.items()},
        },
        python=platform.python_version(),
        environment=packed.environment,
        parameters=dict(source.report.parameters),
        model=packed.model,
        metrics=packed.metrics,
        baseline=asdict(packed.baseline) if packed.baseline else {},
        gate={"ok": gate.ok, **asdict(gate)},
        intervals=packed.compared.intervals if packed.compared else {},
        licences=packed.licences,
        rehearsal={**asdict(fit.tried), "fast": packed.fast and asdict(packed.fast)},
        kind=packed.kind,
        bento=fit.tag,
        archive=archive.name,
        archive_sha256=_hash(archive.read_bytes()),
        path=journal.below(source.home, source.folder / source.pipeline.notebook.name),
    )


def code_of(line: Pipeline) -> str:
    """Return the hash of a notebook's code."""
    return _hash("\0".join(code(cell) for stage in line.stages for cell in stage.code_cells).encode())


def _ran(source: Source) -> Ran:
    return Ran(
        project=source.home.resolve().parent,
        notebook=source.folder / source.pipeline.notebook.name,
        stages=origin.records(source.store, source.report.keys),
        data=_files(source),
        executed=_executed(source.home, source.report.run),
    )


def _files(source: Source) -> dict[str, str]:
    """Return the hashes of the files that the notebook's code names."""
    texts = {text for flow in source.pipeline.flows for item in flow.cells for text in item.flow.strings}
    return environment.files(texts, source.folder)


def result(home: Path, report: Report, shipped: Shipped | None, error: Nb2ProdError | None = None) -> dict[str, Any]:
    """Write a ship as JSON: the run's fields, and the release's."""
    base = schema.report(report, verb="ship")
    if error is not None:
        base |= {"ok": False, "error": schema.error(error)}
    if shipped is None:
        names = (
            "release",
            "bento",
            "archive",
            "metrics",
            "baseline",
            "gate",
            "rehearsal",
            "risk",
            "risks",
            "service",
            "url",
        )
        return base | dict.fromkeys(names)
    made, service = shipped.release, shipped.service
    return base | {**summary(home, made), "service": service and asdict(service), "url": service and service.url}


def summary(home: Path, made: Release) -> dict[str, Any]:
    """Write what people ask of a release as JSON."""
    found: Mapping[str, Any] = asdict(made)
    names = ("bento", "metrics", "intervals", "baseline", "gate", "rehearsal")
    folder = release.folder_of(home, made.id)
    said = {"archive": str(folder / made.archive), "risk": risk_page.where(folder), "risks": risk_page.read(folder)}
    return {"release": made.id, **said, **{n: found[n] for n in names}}


@contextmanager
def running(listen: Listener) -> Iterator[Listener]:
    """Give a listener for a run's events, which also tells the steps `check` and `run` by them."""
    at: list[tuple[str, float]] = []
    failed = False

    def begin(name: str) -> None:
        if at:
            _say(listen, at[-1][0], "done", time.perf_counter() - at[-1][1])
        at.append((name, time.perf_counter()))
        _say(listen, name, "running")

    def tell(event: Event) -> None:
        nonlocal failed
        if event.kind == "stage" and len(at) == 1:
            begin("run")
        listen(event)
        failed = failed or event.kind == "error"
        if event.kind == "start" and not at:
            begin("check")

    yield tell
    if at:
        _say(listen, at[-1][0], "failed" if failed else "done", time.perf_counter() - at[-1][1])


@contextmanager
def step(name: str, listen: Listener) -> Iterator[Any]:
    """Tell `listen` how a step goes; the block may say more of it."""
    said: list[str] = []
    begun = time.perf_counter()
    _say(listen, name, "running")
    try:
        yield said.append
    except BaseException:
        _say(listen, name, "failed", time.perf_counter() - begun)
        raise
    _say(listen, name, "done", time.perf_counter() - begun, "".join(said))


def _say(listen: Listener, name: str, state: str, seconds: float | None = None, detail: str = "") -> None:
    rounded = None if seconds is None else round(seconds, 3)
    listen(Event(kind="step", data={"step": name, "state": state, "seconds": rounded, "detail": detail}))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

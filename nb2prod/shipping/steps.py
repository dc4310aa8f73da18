"""Shipping: the steps that turn a finished run into a release, and a release into a running service."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

from nb2prod import journal, schema, verify
from nb2prod.compare.runs import Verdict
from nb2prod.errors.base import Nb2ProdError, Place
from nb2prod.errors.runs import RunCancelled
from nb2prod.errors.ships import GateClosed, StagedDiffers
from nb2prod.events import Event, Listener
from nb2prod.hosting.backends import Backends
from nb2prod.hosting.rehearsed import RehearsedService
from nb2prod.packers.order import Packed
from nb2prod.packers.packer import Source, packing
from nb2prod.releases import release
from nb2prod.releases.release import Release
from nb2prod.report import Report
from nb2prod.risk import page
from nb2prod.settings import Settings
from nb2prod.shipping import packages, releasing
from nb2prod.shipping.packages import Before
from nb2prod.shipping.rehearsal import Rehearsal
from nb2prod.shipping.releasing import Fit
from nb2prod.shipping.trial import Trial, trial
from nb2prod.stores.base import Store
from nb2prod.targets.base import Adopting, Service, Target


@frozen(kw_only=True)
class Served:
    """Where a release will be served."""

    target: Target
    port: int | None = None  # any when None


@frozen(kw_only=True)
class Shipped:
    """What a ship left behind."""

    release: Release
    service: Service | None = None
    rehearsed: RehearsedService | None = None  # it was rehearsed, and waits to be served


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
            verdict = verify.verify(verify.gather(path, report, store=store, chosen=chosen, alone=False))
            unstable = f", {len(verdict.unstable)} unstable" if verdict.unstable else ""
            tell(f"{verdict.cells} cells, {verdict.names} values{unstable}")
        if verdict.differences:
            first = verdict.differences[0]
            place = Place(cell=first.cell, cell_id=first.cell_id, stage=first.stage)
            raise StagedDiffers(place, first.message, len(verdict.differences) - 1, verdict)
    return verdict


def ship(
    source: Source,
    listen: Listener,
    held: Callable[[], Verdict | None] = lambda: None,
    served: Served | None = None,
) -> Shipped:
    """Package the model of a run, rehearse the package, and release it.

    Args:
        source: The run.
        listen: Told of the steps baseline, package, rehearse and release.
        held: Holds the stages against a straight run, while they are packaged.
        served: Where the release will be served; the service that was rehearsed waits for that.

    Raises:
        ShipError: The model may not be shipped. No release is left then, and no Bento.
        RunCancelled: Somebody stopped it; likewise.
    """
    with cancellable():
        known = packages.find(source)
        if known is not None:
            return Shipped(release=_again(source, known, listen, held()))
        return _made(source, listen, held, served)


def serve(shipped: Shipped, served: Served, listen: Listener) -> Shipped:
    """Serve what was shipped; it stays a release when that fails.

    Raises:
        ServiceNotReady: It does not start.
        RunCancelled: Somebody stopped it.
    """
    target, rehearsed = served.target, shipped.rehearsed
    try:
        with cancellable(), step("serve", listen) as tell:
            if rehearsed is not None and isinstance(target, Adopting):
                service = target.adopt(shipped.release, rehearsed, port=served.port)
            else:
                service = target.start(shipped.release, port=served.port)
            tell(service.url)
    finally:
        if rehearsed is not None:
            rehearsed.end()
    return evolve(shipped, service=service, rehearsed=None)


@contextmanager
def cancellable() -> Iterator[None]:
    """Say as an error that somebody stopped the block."""
    try:
        yield
    except KeyboardInterrupt:
        raise RunCancelled(Place()) from None


def _made(source: Source, listen: Listener, held: Callable[[], Verdict | None], served: Served | None) -> Shipped:
    """Make the release; the generated files and logs of one that fails stay in the run's folder, `ship`."""
    work = journal.folder_of(source.home, source.report.run) / "ship"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rehearsed = Backends(source.home / "services", source.home).to_rehearse(releasing.named(source))
    with tempfile.TemporaryDirectory(prefix="nb2prod-", ignore_cleanup_errors=True) as own:
        archive, bentos = Path(own) / "service.bento", Path(own) / "bentoml"
        with packing(source, work, Path(own), archive) as process:
            tried = Trial(packing=process, bentos=bentos, service=rehearsed, port=served.port if served else None)
            with trial(tried, work):
                verdict = held()
                packed, seen = _rehearsed(tried, listen)
                with step("release", listen) as tell:
                    fit = Fit(packed=packed, tried=seen, service=work / "service", archive=archive, verdict=verdict)
                    made = releasing.release_of(source, fit)
                    tell(made.id)
    shutil.rmtree(work)
    if served is not None and isinstance(served.target, Adopting):
        return Shipped(release=made, rehearsed=rehearsed)
    rehearsed.end()
    rehearsed.log.unlink(missing_ok=True)
    return Shipped(release=made)


def _rehearsed(tried: Trial, listen: Listener) -> tuple[Packed, Rehearsal]:
    """Wait for the package and its rehearsal, and tell of them."""
    with step("baseline", listen):
        tried.packing.measured()
    with step("package", listen) as tell:
        packed = tried.packing.packed()
        tell(packed.tag)
    with step("rehearse", listen) as tell:
        seen = tried.rehearsed()
        way = ", without a fast path" if packed.fast and not packed.fast.used else ""
        tell(f"{seen.rows} rows equal, {seen.p50_ms:.1f} ms a request{way}")
    return packed, seen


def _again(source: Source, known: Before, listen: Listener, verdict: Verdict | None) -> Release:
    """Release what was packaged and rehearsed before: it would be made of the same, into the same."""
    for name in ("baseline", "package", "rehearse"):
        with step(name, listen) as tell:
            tell("as before")
    with tempfile.TemporaryDirectory(prefix="nb2prod-") as own, step("release", listen) as tell:
        service, archive = known.copied(Path(own))
        fit = Fit(packed=known.packed, tried=known.tried, service=service, archive=archive, verdict=verdict)
        fit = evolve(fit, of=known.folder.name)
        made = releasing.release_of(source, fit)
        tell(made.id)
    return made


def result(home: Path, report: Report, shipped: Shipped | None, error: Nb2ProdError | None = None) -> dict[str, Any]:
    """Write a ship as JSON: the run's fields, and the release's."""
    base = schema.report(report, verb="ship")
    if error is not None:
        base |= {"ok": False, "error": schema.error(error)}
    if shipped is None:
        names = ("release", "bento", "archive", "metrics", "intervals", "baseline", "rehearsal", "risk", "risks")
        gate = error.gate if isinstance(error, GateClosed) else None
        return base | dict.fromkeys((*names, "service", "url")) | {"gate": gate}
    made, service = shipped.release, shipped.service
    return base | {**summary(home, made), "service": service and asdict(service), "url": service and service.url}


def summary(home: Path, made: Release) -> dict[str, Any]:
    """Write what people ask of a release as JSON."""
    found: Mapping[str, Any] = asdict(made)
    names = ("bento", "metrics", "intervals", "baseline", "gate", "rehearsal")
    folder = release.folder_of(home, made.id)
    said = {"archive": str(folder / made.archive), "risk": page.where(folder), "risks": page.read(folder)}
    # What is no model has no baseline, which is not one without a name.
    return {"release": made.id, **said, **{n: found[n] for n in names}, "baseline": found["baseline"] or None}


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

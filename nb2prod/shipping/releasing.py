"""Releasing: a package that was rehearsed becomes a release, if the policy lets it."""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from attrs import asdict, evolve, frozen

from nb2prod import environment, journal, policy, schema, stock
from nb2prod.bundle import bento
from nb2prod.compare.runs import Verdict
from nb2prod.errors.ships import GateClosed
from nb2prod.packers.order import Packed
from nb2prod.packers.packer import Source
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Gate, Rules
from nb2prod.releases import origin, release
from nb2prod.releases.origin import Ran
from nb2prod.releases.release import Release
from nb2prod.risk import page, sheet
from nb2prod.shipping import packages
from nb2prod.shipping.rehearsal import Rehearsal
from nb2prod.stage import code
from nb2prod.stock import Pin


@frozen(kw_only=True)
class Fit:
    """A package that was rehearsed."""

    packed: Packed
    tried: Rehearsal
    service: Path  # its files
    archive: Path
    verdict: Verdict | None  # staged against straight
    of: str | None = None  # the release whose rehearsal it was, when this is the same again

    @property
    def risks(self) -> sheet.Known:
        """Return what a release does not hold itself."""
        compared, verdict = self.packed.compared, self.verdict
        return sheet.Known(
            size=self.packed.size,
            security=self.packed.security,
            verify=None if verdict is None else schema.verdict(verdict),
            better_by=None if compared is None else compared.better_by,
        )


def named(source: Source) -> str:
    """Return the name that the release of a run has."""
    return f"{bento.Name.of(source.pipeline.notebook.stem).tag}-{source.report.run}"


def release_of(source: Source, fit: Fit) -> Release:
    """Put everything in its place, the manifest last; take it all back if that fails."""
    packed = fit.packed
    folder = release.new_folder(source.home, named(source))
    store = bento.user_home()
    new = False
    try:
        archive = folder / f"{packed.name.tag}.bento"
        shutil.move(fit.archive, archive)
        shutil.move(fit.service, folder / "service")
        found = _manifest(source, fit, archive)
        page.write(folder, sheet.sheet(found, source.rules, fit.risks))
        origin.keep(folder / origin.FOLDER, _ran(source))
        kept = packages.keep(source, fit.packed, fit.tried)
        found = evolve(found, files=release.hashes(folder), package=kept.stamp, package_sha256=kept.sha256)
        new = bento.import_bento(archive, fit.packed.tag, home=store)
        release.write(source.home, found)
        project = source.home.resolve().parent.name
        stock.pin(source.store, Pin(kind="release", name=found.id, project=project, keys=source.report.keys))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            bento.delete_bento(fit.packed.tag, home=store)
        raise
    return found


def _gate(source: Source, fit: Fit) -> Gate:
    """Judge what was packed and rehearsed by the project's policy.

    Raises:
        GateClosed: It may not be shipped.
    """
    rules, packed, tried = source.rules, fit.packed, fit.tried
    dear = sheet.bounded(packed.size, sheet.cost(rules, tried.cpu_ms))
    verdicts = [
        *_beaten(rules, packed),
        *policy.raw(str(packed.model.get("name")), packed.prepared.rows, packed.prepared.labels),
        policy.same(packed.kind, equal=tried.equal, rows=tried.rows),
        *(policy.pickled(rules, str(packed.model["file"])) if "file" in packed.model else ()),
        policy.licensed(packed.licences, rules.forbidden_licences),
        *policy.bounded(rules, {**packed.metrics, **asdict(tried), **dear}),
    ]
    found = policy.gate(rules, [*verdicts, *policy.named(rules, verdicts)], datetime.now(UTC).date())
    if not found.ok:
        raise GateClosed(tuple((v.rule, v.detail) for v in found.verdicts if v.stops), schema.gate(found))
    return found


def _beaten(rules: Rules, packed: Packed) -> Iterator[policy.Verdict]:
    """Say whether a model is better than what it was compared with; what is no model is not."""
    if packed.baseline is not None and rules.baseline != "off":
        beats = policy.beats(packed.kind, packed.metrics, packed.baseline.metrics, packed.compared)
        yield evolve(beats, severity=rules.baseline)
        metric = packed.compared.metric if packed.compared else ""
        yield from (policy.kept(rival, metric) for rival in packed.rivals if rival.origin == "release")


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
        gate=schema.gate(gate),
        intervals=packed.compared.intervals if packed.compared else {},
        rivals=tuple(asdict(rival) for rival in packed.rivals),
        licences=packed.licences,
        rehearsal={**asdict(fit.tried), "fast": packed.fast and asdict(packed.fast), "of": fit.of},
        kind=packed.kind,
        bento=fit.packed.tag,
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
        executed=source.executed,
        previous=source.previous.release if source.previous else None,
    )


def _files(source: Source) -> dict[str, str]:
    """Return the hashes of the files that the notebook's code names."""
    texts = {text for flow in source.pipeline.flows for item in flow.cells for text in item.flow.strings}
    return environment.files(texts, source.folder)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

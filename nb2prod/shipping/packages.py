"""Packages of before: built, rehearsed and remembered; where nothing has changed since, neither is done again."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pickle
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from attrs import asdict, frozen

import nb2prod
from nb2prod import journal
from nb2prod.bundle import pins
from nb2prod.errors.base import Nb2ProdError
from nb2prod.packers.order import Packed
from nb2prod.packers.packer import Source
from nb2prod.releases import release, trust
from nb2prod.releases.release import Release
from nb2prod.shipping.rehearsal import Rehearsal

FOLDER = "packages"  # of records
KEPT = 20  # packages of a project that are remembered
MODULES = ("httptools", "pyarrow", "skops", "uvloop")  # that a service takes along where they are installed


@frozen(kw_only=True)
class Record:
    """Where a package is remembered."""

    stamp: str  # of all it was made of
    sha256: str  # of the file that says what it is


@frozen(kw_only=True)
class Before:
    """A package of before, and the release that has its files."""

    packed: Packed
    tried: Rehearsal
    folder: Path  # of the release
    archive: str

    def copied(self, own: Path) -> tuple[Path, Path]:
        """Copy the service's files and the Bento into a folder, and return where they are."""
        service, archive = own / release.SERVICE, own / self.archive
        shutil.copytree(self.folder / release.SERVICE, service)
        shutil.copyfile(self.folder / self.archive, archive)
        return service, archive


def find(source: Source) -> Before | None:
    """Return the package that packing a run would make again, if a release that is trusted has it whole."""
    stamped = stamp(source)
    # A product says how old its data are, which changes while nothing else does.
    known = (one for one in release.releases(source.home) if one.package == stamped and one.kind != "product")
    for made in known:
        path = _place(source.home, stamped)
        try:
            trust.trusted(source.home, made.id)
        except Nb2ProdError:
            continue
        if trust.digest(path) == made.package_sha256 and _unchanged(made, source.folder) and _whole(source, made):
            # What was signed names this very file by its hash.
            packed, tried = pickle.loads(path.read_bytes())  # noqa: S301
            folder = release.folder_of(source.home, made.id)
            return Before(packed=packed, tried=tried, folder=folder, archive=made.archive)
    return None


def keep(source: Source, packed: Packed, tried: Rehearsal) -> Record:
    """Remember a package; those of long ago are forgotten."""
    stamped, data = stamp(source), pickle.dumps((packed, tried))
    path = _place(source.home, stamped)
    path.parent.mkdir(parents=True, exist_ok=True)
    journal.write_whole(path, data)
    older = sorted(path.parent.glob("*.pkl"), key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]
    for one in older:
        one.unlink(missing_ok=True)
    return Record(stamp=stamped, sha256=hashlib.sha256(data).hexdigest())


def stamp(source: Source) -> str:
    """Return a hash of all that goes into a package and its rehearsal, helper modules and packages excepted."""
    document = json.loads(source.executed.read_text(encoding="utf-8"))
    cells = [(c["cell_type"], c["source"], c.get("outputs"), c["metadata"].get("tags")) for c in document["cells"]]
    values = {name: asdict(version) for name, version in sorted(source.report.values.items())}
    about = [source.pipeline.notebook.name, cells, values, asdict(source.rules), dict(source.report.parameters)]
    here = [sys.version, platform.node(), os.cpu_count(), [bool(importlib.util.find_spec(name)) for name in MODULES]]
    rival = source.previous and asdict(source.previous)
    text = json.dumps([about, rival, here, list(_ours())], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _ours() -> Iterator[tuple[str, int, int]]:
    """Yield what tells this version of our own code from others."""
    root = Path(nb2prod.__file__).parent
    for path in sorted(root.rglob("*.*")):
        if path.suffix in {".py", ".txt", ".html", ".css", ".js"} and "labextension" not in path.parts:
            seen = path.stat()
            yield path.relative_to(root).as_posix(), seen.st_size, seen.st_mtime_ns


def _unchanged(made: Release, folder: Path) -> bool:
    """Say whether packages and helper modules are those that it was made with."""
    helpers = ((folder / path, known) for path, known in _parts(made) if path.endswith(".py"))
    return all(map(_installed, made.environment)) and all(
        trust.digest(path) == known for path, known in helpers if path.is_file()
    )


def _installed(pin: str) -> bool:
    name, _, version = pin.partition("==")
    try:
        return pins.public(name) == version
    except metadata.PackageNotFoundError:
        return False


def _whole(source: Source, made: Release) -> bool:
    """Say whether a release has all its files still: people may thin them out."""
    folder = release.folder_of(source.home, made.id)
    places = [folder / made.archive, *(folder / release.SERVICE / path for path, _ in _parts(made))]
    return all(place.is_file() for place in places)


def _parts(made: Release) -> Iterator[tuple[str, str]]:
    for path, known in made.files.items():
        inner = path.removeprefix(f"{release.SERVICE}/")
        if inner != path:
            yield inner, known


def _place(home: Path, stamped: str) -> Path:
    return home / FOLDER / f"{stamped}.pkl"

"""Release: the manifest of what was shipped, from what, and how good it was found."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, asdict, field, frozen

from nb2prod.errors.base import RunUnknown
from nb2prod.errors.ships import ReleaseExists
from nb2prod.releases import signing
from nb2prod.releases.signing import Signature

SCHEMA = 1
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*-[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
MANIFEST = "release.json"
SIGNATURE = "release.sig"
SERVICE = "service"  # folder of what went into the Bento

Json = Mapping[str, Any]


@frozen(kw_only=True)
class Release:
    """Everything that is needed to tell what a service is, and to make it again."""

    id: str
    run: str
    notebook: str  # its file's name
    created: str  # ISO 8601, UTC
    code: str  # SHA-256 of the notebook's code
    data: Mapping[str, str]  # file, or rows of the model → SHA-256
    python: str
    environment: tuple[str, ...]  # pins
    parameters: Json
    model: Json
    metrics: Mapping[str, float]
    baseline: Json
    gate: Json
    rehearsal: Json
    intervals: Mapping[str, tuple[float, float]] = field(factory=dict)  # of the metrics, 95 %
    rivals: tuple[Json, ...] = ()  # what else it was compared with, on the same rows
    licences: Mapping[str, str] = field(factory=dict)  # package → licence
    bento: str  # tag
    archive: str  # file beside the manifest
    archive_sha256: str
    files: Mapping[str, str] = field(factory=dict)  # beside the manifest: path → SHA-256
    # What it was packaged of, and the record of that package, see `nb2prod.shipping.packages`.
    package: str = ""
    package_sha256: str = ""
    path: str = ""  # of the notebook, below its project; manifests of old have none
    # What it answers: of what was made before there were kinds, the model says it.
    kind: str = field(default=Factory(lambda self: str(self.model.get("kind", "classification")), takes_self=True))
    schema: int = field(default=SCHEMA)

    @property
    def place(self) -> str:
        """Return what tells the notebook from others of its project."""
        return self.path or self.notebook


def folder_of(home: Path, release: str) -> Path:
    """Return the folder of a release, which need not exist.

    Raises:
        RunUnknown: `release` is no id of a release, and so no path either.
    """
    if not ID.fullmatch(release):
        raise RunUnknown(release)
    return home / "releases" / release


def state_of(home: Path, release: str) -> Path:
    """Return the folder in which the services of a release remember what they were asked; it need not exist."""
    folder_of(home, release)  # refuses what is no id
    return home / "watched" / release


def new_folder(home: Path, release: str) -> Path:
    """Make the folder of a release that is being made.

    Raises:
        ReleaseExists: The id is taken.
    """
    folder = folder_of(home, release)
    if (folder / MANIFEST).exists():
        raise ReleaseExists(release)
    shutil.rmtree(folder, ignore_errors=True)  # of a ship that was killed
    folder.mkdir(parents=True)
    return folder


def write(home: Path, release: Release) -> None:
    """Sign and write a manifest, as the last thing: a release exists when its manifest does, and then it is whole."""
    path = folder_of(home, release.id) / MANIFEST
    data = f"{json.dumps(asdict(release), indent=1, ensure_ascii=False)}\n".encode()
    path.with_name(SIGNATURE).write_text(signing.sign(data).text(), encoding="utf-8")
    temporary = path.with_name(f".{MANIFEST}.{secrets.token_hex(4)}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def signature(folder: Path) -> Signature | None:
    """Return the signature of the release in a folder, if it has one."""
    try:
        return signing.parse((folder / SIGNATURE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all files in the folder of a release that is being made."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in {MANIFEST, SIGNATURE})
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read(home: Path, release: str) -> Release:
    """Return a release.

    Raises:
        RunUnknown: There is none of that id.
    """
    try:
        raw = json.loads((folder_of(home, release) / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunUnknown(release) from None
    lists = {"environment": tuple(raw["environment"]), "rivals": tuple(raw.get("rivals", ()))}
    return Release(**{**raw, **lists})


def example(home: Path, release: str) -> Any:
    """Return a row that the release's service can be asked for, or None when its folder was thinned out."""
    path = folder_of(home, release) / SERVICE / "example.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def releases(home: Path) -> tuple[Release, ...]:
    """Return all releases, newest first."""
    found = [p.parent.name for p in (home / "releases").glob(f"*/{MANIFEST}") if ID.fullmatch(p.parent.name)]
    return tuple(sorted((read(home, name) for name in found), key=lambda r: (r.created, r.id), reverse=True))

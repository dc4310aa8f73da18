"""Trust: a release is served only as it was signed, and only when its signer is one that the policy trusts."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Set
from pathlib import Path
from typing import Any

from nb2prod import policy, settings
from nb2prod.errors.deployments import ReleaseChanged, ReleaseForeign
from nb2prod.policy import Rules
from nb2prod.releases import release, signing
from nb2prod.releases.release import Release

DESCRIBED = "bento.yaml"  # beside the sources: what BentoML reads when it serves
BUILT = "bentofile.yaml"  # BentoML adds it to sources, and reads it when it builds


def trusted(home: Path, name: str) -> Release:
    """Return a release, if it is what was released by somebody whom the project's policy trusts.

    Raises:
        RunUnknown: There is no such release.
        ReleaseChanged: Its manifest, its archive or one of its files is not what was signed, or there are others.
        ReleaseForeign: Nobody signed it, or somebody else.
    """
    made = release.read(home, name)
    folder = release.folder_of(home, name)
    _signed(folder, name, policy.rules(settings.policy_of(home.resolve().parent / "_")))
    if digest(folder / made.archive) != made.archive_sha256:
        raise ReleaseChanged(name, made.archive)
    _alone(folder, {*made.files, made.archive, release.MANIFEST, release.SIGNATURE}, made)
    for path, known in made.files.items():
        # What people may read beside the archive may be thinned out, but it may not say something else.
        if (folder / path).exists() and digest(folder / path) != known:
            raise ReleaseChanged(name, path)
    return made


def genuine(made: Release, source: Path) -> None:
    """Check that the sources which a BentoML store has of a release are the released ones.

    Raises:
        ReleaseChanged: One of them is not.
    """
    parts = {path.removeprefix(f"{release.SERVICE}/"): known for path, known in made.files.items()}
    parts = {part: known for part, known in parts.items() if f"{release.SERVICE}/{part}" in made.files}
    _alone(source, {*parts, BUILT}, made)
    for part, known in parts.items():
        if digest(source / part) != known:
            raise ReleaseChanged(made.id, str(source / part))


def described(made: Release, archive: Path, place: Path) -> None:
    """Check that what a BentoML store says of a release's Bento, such as variables to set, is what its archive says.

    Raises:
        ReleaseChanged: It is not.
    """
    with tarfile.open(archive) as parts:
        said = next((parts.extractfile(part) for part in parts if Path(part.name).as_posix() == DESCRIBED), None)
        known = None if said is None else _said(said.read())
    there = place / DESCRIBED
    if known is None or not there.is_file() or _said(there.read_bytes()) != known:
        raise ReleaseChanged(made.id, str(there))


def _said(description: bytes) -> Any:
    """Read what is said of a Bento; another ship of the same sources made the same one, at another time."""
    import yaml

    try:
        found = yaml.safe_load(description)
    except yaml.YAMLError:
        return description
    return {key: value for key, value in found.items() if key != "creation_time"} if isinstance(found, dict) else found


def _alone(folder: Path, known: Set[str], made: Release) -> None:
    """Check that nothing was added, which could be loaded in the place of something else; compiled code goes."""
    if not made.files:
        return  # a release of old, which says only what its archive is
    for cache in [*folder.rglob("__pycache__")]:
        shutil.rmtree(cache, ignore_errors=True)
    for path in folder.rglob("*"):
        inner = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inner.parts)  # left by who looks at folders; nothing imports it
        if not (path.is_dir() or hidden) and inner.as_posix() not in known:
            raise ReleaseChanged(made.id, inner.as_posix())


def digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, None when it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _signed(folder: Path, name: str, rules: Rules) -> None:
    if rules.signatures == "off":
        return
    found = release.signature(folder)
    if found is None:
        raise ReleaseForeign(name, None, None)
    if not signing.is_of(found, (folder / release.MANIFEST).read_bytes()):
        raise ReleaseChanged(name, release.MANIFEST)
    if rules.signatures == "trusted" and found.public_key not in (*rules.trusted_keys, signing.own()):
        raise ReleaseForeign(name, found.public_key, signing.own())

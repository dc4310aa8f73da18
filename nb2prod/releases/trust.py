"""Trust: a release is served only as it was signed, and only when its signer is one that the policy trusts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nb2prod import policy, settings
from nb2prod.errors.deployments import ReleaseChanged, ReleaseForeign
from nb2prod.policy import Rules
from nb2prod.releases import release, signing
from nb2prod.releases.release import Release


def trusted(home: Path, name: str) -> Release:
    """Return a release, if it is what was released by somebody whom the project's policy trusts.

    Raises:
        RunUnknown: There is no such release.
        ReleaseChanged: Its manifest, its archive or one of its files is not what was signed.
        ReleaseForeign: Nobody signed it, or somebody else.
    """
    made = release.read(home, name)
    folder = release.folder_of(home, name)
    _signed(folder, name, policy.rules(settings.policy_of(home.resolve().parent / "_")))
    if digest(folder / made.archive) != made.archive_sha256:
        raise ReleaseChanged(name, made.archive)
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
    for path, known in made.files.items():
        part = path.removeprefix(f"{release.SERVICE}/")
        if part != path and digest(source / part) != known:
            raise ReleaseChanged(made.id, str(source / part))


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

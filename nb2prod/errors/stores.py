"""Storage: why a store, or what it keeps, cannot be used as it was asked for.

StoreError              NB3xx
├── (ArtifactMissing, ArtifactCorrupt, RunUnknown, HomeUnusable: see `nb2prod.errors.base`)
├── StoreFull           NB305
├── ValueUnknown        NB306
├── NotATable           NB307
├── StoreDenied         NB308
├── StoreUnreachable    NB309
├── CredentialsInUrl    NB310
└── FileRefused         NB311
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from nb2prod.errors.base import Nb2ProdError, StoreError, define

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}")  # of files until they are whole
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


@define
class StoreFull(StoreError):
    """There is no room for what is to be kept."""

    url: str
    needed: int  # bytes
    free: int  # bytes
    reason: str

    code = "NB305"

    @property
    def message(self) -> str:
        return f"The store '{self.url}' has no room for {size(self.needed)} more: {self.reason}."

    @property
    def cure(self) -> str:
        missing = self.needed - self.free
        how = f"Free {size(missing)} there" if missing > 0 else "Free space there, or raise the limit of the process"
        return f"{how} (`nb2prod store gc` removes what no run uses any more), or choose another with --store."


@define
class ValueUnknown(StoreError):
    """A value was named that is not kept, or that several notebooks keep."""

    name: str
    known: tuple[str, ...]

    code = "NB306"

    @property
    def message(self) -> str:
        return f"There is no one '{self.name}' in the store."

    @property
    def cure(self) -> str:
        return f"Name one of NOTEBOOK:STAGE/NAME: {', '.join(self.known) or 'nothing is kept; run the notebook first'}."


@define
class NotATable(StoreError):
    """A value cannot be written as the file that was asked for."""

    ending: str
    reason: str
    known: tuple[str, ...]

    code = "NB307"

    @property
    def message(self) -> str:
        return f"It cannot be written as {self.ending}: {self.reason}."

    @property
    def cure(self) -> str:
        return f"Name a file that ends with one of {', '.join(self.known)}, and a value that fits it."


@define
class StoreDenied(StoreError):
    """The service of a store does not know us, or does not let us in."""

    url: str
    reason: str

    code = "NB308"

    @property
    def message(self) -> str:
        return f"The store '{self.url}' refuses us: {self.reason}."

    @property
    def cure(self) -> str:
        return (
            "Give the credentials as the service's own tools take them (for S3 a profile, a role, or AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY), and let them list, read, write and delete there."
        )


@define
class StoreUnreachable(StoreError):
    """The service of a store does not answer as it should."""

    url: str
    reason: str

    code = "NB309"

    @property
    def message(self) -> str:
        return f"The store '{self.url}' cannot be reached: {self.reason}."

    @property
    def cure(self) -> str:
        return "See that the address and the bucket are right and that the network is up, then run again."


@define
class CredentialsInUrl(StoreError):
    """A store's URL has a password or options in it, which would get into logs and records."""

    url: str  # without them

    code = "NB310"

    @property
    def message(self) -> str:
        return f"The URL of the store '{self.url}' has credentials or options in it."

    @property
    def cure(self) -> str:
        return (
            "Leave them out of it and give them as the service's own tools take them, for S3 in the environment "
            "(AWS_PROFILE, AWS_ENDPOINT_URL, …) or in ~/.aws."
        )


@define
class FileRefused(StoreError):
    """The system does not let us read or write a file."""

    path: str  # empty when the system did not say
    reason: str

    code = "NB311"

    @classmethod
    def of(cls, wrong: OSError) -> FileRefused | None:
        """Return what an error of the system means for a user; None when it is nothing that a user can mend."""
        if wrong.errno not in _FULL and (wrong.errno not in _CLOSED or wrong.filename is None):
            return None
        reason = wrong.strerror or str(wrong)
        if wrong.filename is None:
            return cls("", reason)
        path = Path(os.fsdecode(wrong.filename)).absolute()
        temporary = _TEMPORARY.fullmatch(path.name)
        return cls(str(path.with_name(temporary[1]) if temporary else path), reason)

    @property
    def message(self) -> str:
        what = f"'{self.path}' cannot be used" if self.path else "A file could not be written"
        return f"{what}: {self.reason}."

    @property
    def cure(self) -> str:
        return "Make room there, or let yourself write it; or name another place. What was there before is as it was."


def mendable(error: BaseException | None) -> Nb2ProdError | None:
    """Return an error as one that a user can mend; None for our own bugs."""
    if isinstance(error, OSError):
        return FileRefused.of(error)
    return error if isinstance(error, Nb2ProdError) else None


def size(count: float) -> str:
    """Say a number of bytes as people do."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.1f} GB"

"""Deployment: which releases of a notebook answer at its port, and how that came to be."""

from __future__ import annotations

import fcntl
import getpass
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

from attrs import asdict, evolve, field, frozen

from nb2prod import journal
from nb2prod.errors.deployments import DeploymentUnknown, NothingBefore, NothingLive, ShareWrong

SCHEMA = 1
RECORD = "deployment.json"

Verb = Literal["promote", "canary", "shadow", "rollback", "withdraw", "stop"]


@frozen(kw_only=True)
class Change:
    """One line of a deployment's history."""

    at: str  # ISO 8601, UTC
    verb: Verb
    release: str | None  # that it is about
    instead_of: str | None = None  # what was live before
    share: float | None = None  # of a canary
    note: str = ""  # why
    by: str = ""  # the user


@frozen(kw_only=True)
class Deployment:
    """What answers for a notebook. A release is in one role at most."""

    notebook: str  # its path below its project
    port: int
    live: str | None = None  # None when it was stopped
    canary: str | None = None  # gets a share of the requests, and answers them
    share: float = 0.0
    shadow: str | None = None  # gets copies of requests, and its answers are only compared
    before: tuple[str, ...] = ()  # what was live before, the last one last
    history: tuple[Change, ...] = ()
    schema: int = field(default=SCHEMA)

    @property
    def roles(self) -> dict[str, str]:
        """Return release → role, of those that have one."""
        pairs = ((self.live, "live"), (self.canary, "canary"), (self.shadow, "shadow"))
        return {release: role for release, role in pairs if release is not None}

    @property
    def promoting(self) -> str | None:
        """Return the release that the last change gave a role; one that is rolled back to has its settings already."""
        last = self.history[-1] if self.history else None
        return last.release if last and last.verb in {"promote", "canary", "shadow"} else None

    def promoted(self, release: str, note: str = "") -> Deployment:
        """Make a release the one that answers; a trial of the same release ends thereby, other trials go on."""
        before = self.before
        if self.live is not None and self.live != release:
            before = (*before, self.live)
        now = evolve(self._without(release), live=release, before=before)
        return now._noted("promote", release, note, instead_of=self.live)

    def tried(self, release: str, share: float, note: str = "") -> Deployment:
        """Give a release a share of the requests.

        Raises:
            ShareWrong: It is no share, or the release has all requests already.
            NothingLive: There is nothing to share them with.
        """
        if not 0 < share < 1:
            raise ShareWrong(f"{share:g}")
        self._beside(release)
        now = evolve(self._without(release), canary=release, share=share)
        return now._noted("canary", release, note, share=share)

    def shadowed(self, release: str, note: str = "") -> Deployment:
        """Give a release copies of the requests.

        Raises:
            ShareWrong: The release has all requests already.
            NothingLive: There are no requests to copy.
        """
        self._beside(release)
        return evolve(self._without(release), shadow=release)._noted("shadow", release, note)

    def rolled_back(self, note: str = "") -> Deployment:
        """Take the last step back: withdraw the canary if there is one, else what was live before is live again.

        Raises:
            NothingBefore: There is neither.
        """
        if self.canary is not None:
            return evolve(self, canary=None, share=0.0)._noted("withdraw", self.canary, note)
        if not self.before:
            raise NothingBefore(self.notebook)
        release = self.before[-1]
        now = evolve(self._without(release), live=release, before=self.before[:-1])
        return now._noted("rollback", release, note, instead_of=self.live)

    def unshadowed(self, note: str = "") -> Deployment:
        """End the comparison with a shadow, if there is one."""
        return evolve(self, shadow=None)._noted("withdraw", self.shadow, note) if self.shadow else self

    def stopped(self, note: str = "") -> Deployment:
        """Let nothing answer; what was live can be rolled back to."""
        before = self.before if self.live is None else (*self.before, self.live)
        now = evolve(self, live=None, canary=None, share=0.0, shadow=None, before=before)
        return now._noted("stop", self.live, note)

    def _beside(self, release: str) -> None:
        if self.live is None:
            raise NothingLive(self.notebook)
        if self.live == release:
            raise ShareWrong("all requests: it is live")

    def _without(self, release: str) -> Deployment:
        now = evolve(self, canary=None, share=0.0) if self.canary == release else self
        return evolve(now, shadow=None) if now.shadow == release else now

    def _noted(
        self, verb: Verb, release: str | None, note: str, *, instead_of: str | None = None, share: float | None = None
    ) -> Deployment:
        change = Change(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            verb=verb,
            release=release,
            instead_of=instead_of,
            share=share,
            note=note,
            by=_user(),
        )
        return evolve(self, history=(*self.history, change))


def parse(raw: Mapping[str, Any]) -> Deployment:
    """Read the JSON of a deployment."""
    history = tuple(Change(**change) for change in raw["history"])
    return Deployment(**{**raw, "before": tuple(raw["before"]), "history": history})


def folder_of(home: Path, notebook: str) -> Path:
    """Return the folder of a notebook's deployment, which need not exist.

    Raises:
        DeploymentUnknown: `notebook` is no name of one, and so no path either.
    """
    if not notebook.strip("."):
        raise DeploymentUnknown(notebook)
    return home / "deployments" / quote(notebook, safe="")


def name_of(folder: Path) -> str:
    """Return the notebook that a folder is of."""
    return unquote(folder.name)


def read(folder: Path) -> Deployment:
    """Return the deployment that a folder is of.

    Raises:
        DeploymentUnknown: There is none.
    """
    try:
        return parse(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DeploymentUnknown(name_of(folder)) from None


def write(folder: Path, deployment: Deployment) -> None:
    """Keep a deployment, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    journal.write_whole(folder / RECORD, json.dumps(asdict(deployment), indent=1))


def deployments(home: Path) -> tuple[Deployment, ...]:
    """Return all deployments of a folder of records, by notebook."""
    return tuple(read(path.parent) for path in sorted((home / "deployments").glob(f"*/{RECORD}")))


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Keep others from changing a deployment; a lock of a process that was killed is gone.

    Without `wait`, say whether there was a lock to be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""

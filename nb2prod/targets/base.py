"""Target: a place where a release becomes a running service."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from attrs import frozen

from nb2prod.hosting.rehearsed import RehearsedService
from nb2prod.releases.deployment import Deployment
from nb2prod.releases.release import Release
from nb2prod.targets.delivery import Delivery, Wanted


@frozen(kw_only=True)
class Service:
    """How a release is served."""

    release: str
    state: Literal["running", "stopped"]
    url: str | None = None
    pid: int | None = None


class Target(Protocol):
    """Starts, stops and watches services, one a release."""

    def start(self, release: Release, *, port: int | None = None) -> Service:
        """Serve a release, and return when it answers; a service that runs already is left as it is.

        Raises:
            ServiceNotReady: It does not start.
        """

    def stop(self, release: str) -> Service:
        """End the service of a release, if there is one."""

    def status(self, release: str) -> Service:
        """Say whether a release is served: its process lives and answers."""


@frozen(kw_only=True)
class Order:
    """How a release shall be deployed."""

    canary: float | None = None  # share of the requests that it gets; all of them when None
    shadow: bool = False  # it gets copies of requests, and its answers are only compared
    port: int | None = None  # of the notebook's first deployment; a free one when None
    note: str = ""  # why


@runtime_checkable
class Swapping(Protocol):
    """A target that can put one release of a notebook in the place of another, behind one address."""

    def promote(self, release: Release, order: Order) -> Deployment:
        """Let requests go to a release, once it has shown that it answers; none is lost.

        Raises:
            ShipError: It does not; what was live is live still.
        """

    def rollback(self, notebook: str, *, note: str = "", shadow: bool = False) -> Deployment:
        """Withdraw the canary, or else go back to what was live before; or end only the comparison with a `shadow`.

        Raises:
            ShipError: There is nothing to go back to, or it does not answer; what was live is live still.
        """

    def retire(self, notebook: str, *, note: str = "") -> Deployment:
        """End all that answers for a notebook."""

    def watch(self, deployment: Deployment) -> dict[str, Any]:
        """Say how a deployment fares: `url`, `state`, and what is known of each release in it."""


@runtime_checkable
class Adopting(Protocol):
    """A target that serves a release by the very service that was rehearsed."""

    def adopt(self, release: Release, rehearsed: RehearsedService, *, port: int | None = None) -> Service:
        """Serve a release, and return when it answers.

        Raises:
            ServiceNotReady: It does not start.
        """


@runtime_checkable
class Taking(Protocol):
    """A target that takes a release as files, for something else to run."""

    def deliver(self, release: Release, folder: Path, wanted: Wanted) -> Delivery:
        """Write what the target needs into a folder, which is empty.

        Raises:
            ShipError: It cannot be had here; what was written stays.
        """

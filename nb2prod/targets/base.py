"""Target: a place where a release becomes a running service."""

from __future__ import annotations

from typing import Literal, Protocol

from attrs import frozen

from nb2prod.release import Release


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

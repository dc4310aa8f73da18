"""Unwatched: why nothing can be said of a release's requests.

ShipError
├── RequestNotKept   NB450  there is no such request among those that were kept
├── RequestForeign   NB451  a file is no request that a service kept, and no JSON that it takes
└── ServiceSilent    NB452  a service does not say how it fares
"""

from __future__ import annotations

from attrs import define

from nb2prod.errors.base import ShipError


@define
class RequestNotKept(ShipError):
    """There is no such request."""

    request: str
    release: str
    kept: tuple[str, ...]  # the latest that are there

    code = "NB450"

    @property
    def message(self) -> str:
        there = f" Kept are: {', '.join(self.kept)}." if self.kept else ""
        return f"No request '{self.request}' of {self.release} was kept.{there}"

    @property
    def cure(self) -> str:
        return (
            "Requests are kept where the policy says so when the release is shipped: `[tool.nb2prod.policy.log] "
            'requests = "failed"` (or "refused"). A file with the JSON of a request does as well.'
        )


@define
class RequestForeign(ShipError):
    """A file is no request."""

    path: str
    reason: str

    code = "NB451"

    @property
    def message(self) -> str:
        return f"{self.path} holds no request: {self.reason}."

    @property
    def cure(self) -> str:
        return 'Give the id of a request that the service kept, or a file such as {"rows": [{...}]}.'


@define
class ServiceSilent(ShipError):
    """A service does not say how it fares."""

    url: str
    reason: str

    code = "NB452"

    @property
    def message(self) -> str:
        return f"The service at {self.url} did not say how it fares: {self.reason}."

    @property
    def cure(self) -> str:
        return "Check the address, and set SERVICE_API_KEY to a key that it knows where it asks for one."

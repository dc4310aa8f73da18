"""Deploying: releases put in each other's place, tried beside each other, and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import asdict

from nb2prod.deploying.services import target_of
from nb2prod.errors.deployments import TargetSwapsNot
from nb2prod.releases import deployment, release
from nb2prod.releases.deployment import Deployment
from nb2prod.targets.base import Order, Swapping

Json = dict[str, Any]


def promote(  # noqa: PLR0913 - what may be said of a promotion
    home: Path,
    name: str,
    *,
    target: str = "local",
    canary: float | None = None,
    shadow: bool = False,
    port: int | None = None,
    note: str = "",
) -> Json:
    """Let requests at the address of a release's notebook go to the release, and return the deployment's JSON.

    Args:
        home: The folder of records.
        name: The release.
        target: Where.
        canary: Only this share of the requests, between 0 and 1.
        shadow: Only copies of requests: its answers are compared, and nobody gets them.
        port: Of the first deployment; a free one when None.
        note: Why.

    Raises:
        RunUnknown: There is no such release.
        ShipError: It does not answer as it should; what was live is live still.
    """
    made = release.read(home, name)
    order = Order(canary=canary, shadow=shadow, port=port, note=note)
    return _shown(home, _swapping(home, target).promote(made, order), target)


def rollback(home: Path, name: str, *, target: str = "local", note: str = "", shadow: bool = False) -> Json:
    """Withdraw a canary, or else go back to what was live before; or end the comparison with a `shadow`.

    Args:
        home: The folder of records.
        name: The notebook, by its path below its project, or one of its releases.
        target: Where.
        note: Why.
        shadow: End only the comparison with a shadow.

    Raises:
        DeploymentUnknown: The notebook was never promoted.
        NothingBefore: There is nothing to go back to.
        ShipError: What was live before does not answer; what is live stays.
    """
    found = _swapping(home, target).rollback(_place(home, name), note=note, shadow=shadow)
    return _shown(home, found, target)


def retire(home: Path, name: str, *, target: str = "local", note: str = "") -> Json:
    """Stop all that answers for a notebook.

    Raises:
        DeploymentUnknown: The notebook was never promoted.
    """
    return _shown(home, _swapping(home, target).retire(_place(home, name), note=note), target)


def deployments(home: Path, *, target: str = "local") -> list[Json]:
    """Return what answers for each notebook, how it fares, and how that came to be."""
    return [_shown(home, found, target) for found in deployment.deployments(home)]


def _shown(home: Path, found: Deployment, target: str) -> Json:
    return {**asdict(found), "target": target, **_swapping(home, target).watch(found)}


def _place(home: Path, name: str) -> str:
    return release.read(home, name).place if release.ID.fullmatch(name) else name


def _swapping(home: Path, name: str) -> Swapping:
    found = target_of(home, name)
    if not isinstance(found, Swapping):
        raise TargetSwapsNot(name)
    return found

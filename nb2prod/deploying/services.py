"""Services: what was released, how it is served, and how it is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from nb2prod import plugins
from nb2prod.releases import deployment, release
from nb2prod.risk import page

if TYPE_CHECKING:
    from pathlib import Path

    from nb2prod.releases.release import Release
    from nb2prod.targets.base import Service, Target


@frozen(kw_only=True)
class Serving:
    """Whether and where a ship's service is started."""

    target: str | None = None  # the name of a target; none is started without
    port: int | None = None


def show_release(home: Path, name: str) -> dict[str, Any]:
    """Return a release and how it is served as JSON."""
    found, folder = asdict(release.read(home, name)), release.folder_of(home, name)
    told = {"example": release.example(home, name), "risk": page.where(folder), "risks": page.read(folder)}
    role = next((one.roles[name] for one in deployment.deployments(home) if name in one.roles), None)
    return {**found, "release": name, **told, "role": role, "service": asdict(status(home, name))}


def ask(url: str, rows: list[Any]) -> Any:
    """Ask a service for predictions, as its stakeholders would."""
    from urllib.request import Request, urlopen

    body = json.dumps({"rows": rows}).encode()
    # A URL that a target gave, so one of http.
    request = Request(f"{url}/predict", body, {"content-type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def releases(home: Path) -> tuple[Release, ...]:
    """Return the releases of a folder of records, newest first."""
    return release.releases(home)


def serve(home: Path, name: str, *, target: str = "local", port: int | None = None) -> Service:
    """Start the service of a release, if it is not running.

    Raises:
        RunUnknown: There is no such release.
        ServiceNotReady: It does not start.
    """
    return target_of(home, target).start(release.read(home, name), port=port)


def stop(home: Path, name: str, *, target: str = "local") -> Service:
    """Stop the service of a release, if it is running."""
    return target_of(home, target).stop(release.read(home, name).id)


def status(home: Path, name: str, *, target: str = "local") -> Service:
    """Say whether a release is served, and where."""
    return target_of(home, target).status(release.read(home, name).id)


def target_of(home: Path, name: str) -> Target:
    """Return a target by name."""
    found: Target = plugins.find("nb2prod.targets", name)(home)
    return found

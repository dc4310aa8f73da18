"""Command line of deployments: releases served, promoted, tried beside what is live, and taken back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict

from nb2prod import journal, settings
from nb2prod.cli.flags import FOLDER, FORMAT, shown
from nb2prod.errors.base import RunUnknown
from nb2prod.errors.deployments import DeploymentUnknown

if TYPE_CHECKING:
    from nb2prod.events import Event

NOTE = click.option("--note", default="", metavar="TEXT", help="Why, for the history.")
TARGET = click.option("--target", default="local", show_default=True, help="Where.")


@click.command()
@click.argument("release")
@click.option("--canary", type=float, metavar="SHARE", help="Give it only this share of the requests, such as 0.1.")
@click.option("--shadow", is_flag=True, help="Give it only copies of requests, and compare its answers.")
@click.option("--port", type=int, help="Port of the first promotion.  [default: a free one]")
@NOTE
@TARGET
@FOLDER
@FORMAT
@shown
def promote(release: str, folder: Path, style: str, **flags: Any) -> None:
    """Let requests at the address of RELEASE's notebook go to RELEASE, without losing one."""
    from nb2prod import api

    if flags["shadow"] and flags["canary"] is not None:
        raise click.UsageError("--canary and --shadow exclude each other")
    _show(api.promote(settings.home_of(folder / "_"), release, **flags), style)


@click.command()
@click.argument("notebook")
@click.option("--shadow", is_flag=True, help="End only the comparison with a shadow.")
@NOTE
@TARGET
@FOLDER
@FORMAT
@shown
def rollback(notebook: str, folder: Path, style: str, **flags: Any) -> None:
    """Withdraw the canary of NOTEBOOK, or go back to the release that was live before."""
    from nb2prod import api

    _show(api.rollback(*located(notebook, folder), **flags), style)


@click.command()
@click.argument("release")
@click.option("--port", type=int, help="Port to serve on.  [default: a free one]")
@FOLDER
@FORMAT
@shown
def serve(release: str, port: int | None, folder: Path, style: str) -> None:
    """Start the service of RELEASE on this machine; it goes on until it is stopped."""
    from nb2prod import api
    from nb2prod.text import verbs

    found = asdict(api.serve(settings.home_of(folder / "_"), release, port=port))
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.service(found, str(folder)))


@click.command()
@click.argument("name")
@FOLDER
@FORMAT
@shown
def stop(name: str, folder: Path, style: str) -> None:
    """Stop the service of the release NAME, or all that answers for the notebook NAME."""
    from nb2prod import api
    from nb2prod.releases.release import ID
    from nb2prod.text import verbs

    if ID.fullmatch(name):
        found = asdict(api.stop(settings.home_of(folder / "_"), name))
        click.echo(json.dumps(found, indent=1) if style == "json" else verbs.service(found, str(folder)))
        return
    try:
        _show(api.retire(*located(name, folder)), style)
    except DeploymentUnknown:
        if (folder / name).is_file():
            raise
        raise RunUnknown(name) from None


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path), default=".")
@TARGET
@FORMAT
@shown
def deployments(folder: Path, target: str, style: str) -> None:
    """List what answers for the notebooks in FOLDER, how it fares, and how that came to be."""
    from nb2prod import api
    from nb2prod.text import deployment

    found = api.deployments(settings.home_of(folder / "_"), target=target)
    click.echo(json.dumps(found, indent=1) if style == "json" else deployment.deployments(found))


@click.command()
@click.argument("release")
@click.option("--fresh", is_flag=True, help="In an environment of its own, with the versions of the release.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Where its data lies.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="New folder to keep what is made in.")
@FOLDER
@FORMAT
@shown
def reproduce(release: str, folder: Path, style: str, **flags: Any) -> None:
    """Make RELEASE again from its own record, and say what of it is the same."""
    from nb2prod import api
    from nb2prod.text import deployment, verbs

    def narrate(event: Event) -> None:
        click.echo(verbs.narration(event), err=True)

    found = api.reproduce(settings.home_of(folder / "_"), release, listen=narrate, **flags)
    click.echo(json.dumps(found, indent=1) if style == "json" else deployment.reproduction(found))
    sys.exit(0 if found["ok"] else 1)


def located(name: str, folder: Path) -> tuple[Path, str]:
    """Return the folder of records and the name there of a notebook's file, or of what is in `folder`."""
    path = folder / name
    if path.is_file():
        home = settings.home_of(path)
        return home, journal.below(home, path)
    return settings.home_of(folder / "_"), name


def _show(found: dict[str, Any], style: str) -> None:
    from nb2prod.text import deployment

    click.echo(json.dumps(found, indent=1) if style == "json" else deployment.deployment(found))

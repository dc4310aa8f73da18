"""Command line of delivery: a release handed over to containers, Kubernetes or BentoCloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nb2prod import settings
from nb2prod.cli.flags import FOLDER, FORMAT, shown


@click.command()
@click.argument("release")
@click.option("--target", required=True, help="Who takes it: container, kubernetes, bentocloud, or a plug-in.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder to write: new, or of one before."
)
@click.option("--image", help="What the image is called, its registry included.  [default: as the Bento]")
@click.option("--base", help="Image to build on.  [default: Python's slim one, of the release's version]")
@click.option("--engine", help="What builds it.  [default: docker, podman or buildah, whichever answers]")
@click.option("--build/--no-build", default=True, help="Build the image, or only write what to build from.")
@click.option("--replicas", type=click.IntRange(1), default=2, show_default=True, help="Replicas, at least.")
@click.option("--most", type=click.IntRange(1), default=6, show_default=True, help="Replicas under load.")
@click.option("--namespace", help="Of the manifests.")
@click.option("--secret", help="Name of the secret that holds the service's keys.")
@FOLDER
@FORMAT
@shown
def deploy(release: str, target: str, output: Path | None, folder: Path, style: str, **wanted: Any) -> None:
    """Hand RELEASE over: as an image, as manifests of Kubernetes, or to BentoCloud."""
    from nb2prod import api
    from nb2prod.text import deployment

    found = api.deploy(settings.home_of(folder / "_"), release, target=target, folder=output, **wanted)
    click.echo(json.dumps(found, indent=1) if style == "json" else deployment.delivery(found))

"""Command line of watching: how a release fares, and a request of it as a notebook."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from nb2prod import settings
from nb2prod.cli.flags import FOLDER, FORMAT, OUTPUT_FILE, shown


@click.command()
@click.argument("release")
@click.option("--url", help="Ask the service there.  [default: read what local services of it remember]")
@click.option("-o", "--output", type=OUTPUT_FILE, help="File to write it to.")
@click.option("--format", "style", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@FOLDER
@shown
def monitor(release: str, url: str | None, output: Path | None, folder: Path, style: str) -> None:
    """Say how RELEASE fares: traffic, latency, refusals, drift, feedback; exit 1 on an alert of the policy."""
    from nb2prod import api, journal
    from nb2prod.text import monitor

    found = api.monitor(settings.home_of(folder / "_"), release, url=url)
    writers = {"json": lambda: json.dumps(found, indent=1), "html": lambda: monitor.html(found)}
    said = writers.get(style, lambda: monitor.text(found))()
    if output is not None:
        journal.write_whole(output, said)
    click.echo(str(output) if output is not None else said)
    sys.exit(0 if found["ok"] else 1)


@click.command()
@click.argument("release")
@click.option("--request", required=True, metavar="ID|FILE", help="A request that was kept, or JSON of one.")
@click.option("-o", "--output", type=OUTPUT_FILE, required=True, help="Notebook to write.")
@FOLDER
@FORMAT
@shown
def debug(release: str, request: str, output: Path, folder: Path, style: str) -> None:
    """Write a request of RELEASE as a notebook that loads the model and asks it, step by step."""
    from nb2prod import api

    found = api.debug(settings.home_of(folder / "_"), release, request, output)
    told = f"{found['notebook']}: request {found['request']}, asked of the model of stage '{found['stage']}'"
    click.echo(json.dumps(found, indent=1) if style == "json" else told)

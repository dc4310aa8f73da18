"""Command line of records: what was run and released here, and what became of it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nb2prod import settings
from nb2prod.cli.flags import FOLDER, FORMAT, OUTPUT_FILE, shown


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path), default=".")
@FORMAT
@shown
def runs(folder: Path, style: str) -> None:
    """List the runs in FOLDER, newest first."""
    from nb2prod import jobs
    from nb2prod.text import verbs

    found = jobs.history(settings.home_of(folder / "_"))
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.history(found))


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path), default=".")
@FORMAT
@shown
def releases(folder: Path, style: str) -> None:
    """List the releases in FOLDER, newest first."""
    from nb2prod import api
    from nb2prod.text import verbs

    home = settings.home_of(folder / "_")
    found = [api.show_release(home, item.id) for item in api.releases(home)]
    click.echo(json.dumps(found, indent=1) if style == "json" else verbs.releases(found))


@click.command()
@click.argument("name")
@FOLDER
@FORMAT
@shown
def show(name: str, folder: Path, style: str) -> None:
    """Show the run or release NAME."""
    from nb2prod import api
    from nb2prod.text import verbs

    found = api.show(settings.home_of(folder / "_"), name)
    if style == "json":
        click.echo(json.dumps(found, indent=1))
    elif "created" in found or found["verb"] == "ship":
        click.echo((verbs.release if "created" in found else verbs.ship)(found, str(folder)))
    else:
        click.echo(verbs.report(found))


@click.command()
@click.argument("run")
@click.option("-o", "--output", type=OUTPUT_FILE, help="File to write it to, too.")
@FOLDER
@FORMAT
@shown
def report(run: str, output: Path | None, folder: Path, style: str) -> None:
    """Write the executed notebook of RUN and what became of its stages as one HTML page."""
    from nb2prod import api

    page = api.report_page(settings.home_of(folder / "_"), run)
    if output is not None:
        output.write_bytes(page.read_bytes())
    found = {"run": run, "report": str(output or page)}
    click.echo(json.dumps(found, indent=1) if style == "json" else found["report"])

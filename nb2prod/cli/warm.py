"""Command line of the daemon: start it, stop it, and what it says of itself."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from nb2prod.cli.flags import FORMAT, shown


@click.group()
def warm() -> None:
    """Keep a process at hand that has imported your libraries, so that runs begin at once."""


@warm.command()
@click.argument("notebooks", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--idle", type=click.FloatRange(min=1), default=3600, show_default=True, help="Seconds without a run until it ends."
)
@FORMAT
@shown
def start(notebooks: tuple[Path, ...], idle: float, style: str) -> None:
    """Start it, with the libraries that NOTEBOOKS import; until it is stopped, runs of this environment use it."""
    from nb2prod.daemon import control

    _show(control.start(notebooks, idle=idle), style)


@warm.command()
@FORMAT
@shown
def stop(style: str) -> None:
    """Stop it; what it has begun is carried out."""
    from nb2prod.daemon import control

    _show({"state": "stopping" if control.stop() else "stopped"}, style)


@warm.command()
@FORMAT
@shown
def status(style: str) -> None:
    """Say whether there is one, and what it has imported."""
    from nb2prod.daemon import control

    _show(control.status(), style)


def _show(found: dict[str, Any], style: str) -> None:
    click.echo(json.dumps(found, indent=1) if style == "json" else _told(found))


def _told(found: dict[str, Any]) -> str:
    if found["state"] != "running":
        return "stopped" if found["state"] == "stopped" else "it ends when what it has begun is carried out"
    libraries = (
        ", ".join(sorted({name.partition(".")[0] for name in found["libraries"]})) or "no libraries of notebooks"
    )
    minutes = (time.time() - found["began"]) / 60
    used = f"{found['served']} commands so far" + (f", {found['running']} now" if found["running"] else "")
    return f"running for {minutes:.0f} min (process {found['pid']}), with {libraries}; {used}"

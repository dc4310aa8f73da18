"""Command line of scoring: a release's predictions for a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nb2prod import settings
from nb2prod.cli.flags import FOLDER, FORMAT, OUTPUT_FILE, shown


@click.command()
@click.argument("release")
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=OUTPUT_FILE, required=True, help="A .parquet, .csv or .arrow file.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Take a column over that the model does not read.")
@click.option("--rows", type=click.IntRange(1), default=20_000, show_default=True, help="Rows of a partition.")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: as many as cores]")
@click.option("--executor", type=click.Choice(["local", "dask"]), default="local", show_default=True)
@click.option("--cluster", metavar="ADDRESS", help="Of the Dask scheduler.  [default: a local cluster]")
@FOLDER
@FORMAT
@shown
def score(release: str, keep: tuple[str, ...], folder: Path, style: str, **flags: Any) -> None:
    """Write the rows of the file DATA with the predictions of RELEASE."""
    from nb2prod.scoring import score as _score

    found = _score.run(settings.home_of(folder / "_"), release, _score.Work(keep=frozenset(keep), **flags))
    odd = f", {found['warnings']:,} of them with a warning" if found["warnings"] else ""
    told = f"{found['rows']:,} rows scored in {found['seconds']:.1f} s{odd}: {found['output']}"
    click.echo(json.dumps(found, indent=1) if style == "json" else told)

"""Flags: what the commands have in common: their arguments and options, and how they show an error."""

from __future__ import annotations

import functools
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nb2prod.errors.base import Nb2ProdError
from nb2prod.errors.runs import MISUSE
from nb2prod.errors.stores import mendable

if TYPE_CHECKING:
    from collections.abc import Callable


class OutputFile(click.Path):
    """A file to write, in a folder that is there: a command that works for an hour should not end with that."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read it as click does, and look for its folder."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"There is no folder '{path.parent}' to write it to.", param, ctx)
        return path


OUTPUT_FILE = OutputFile()
NOTEBOOK = click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
FORMAT = click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
FOLDER = click.option(
    "--folder", type=click.Path(exists=True, path_type=Path), default=".", help="The notebook's folder."
)
STORE = click.option("--store", help="Folder or URL of the store.  [default: .nb2prod/store]")
KERNEL = click.option("--kernel", help="Kernel to use instead of the notebook's.")


def stages(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which stages to run."""
    force = click.option("--force", multiple=True, metavar="STAGE", help="Run a stage even when it is kept.")
    start = click.option("--from", "start", metavar="STAGE", help="Run a stage and all that depend on it.")
    until = click.option("--until", metavar="STAGE", help="Stop after a stage.")
    return force(start(until(command)))


def workers(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where stages run, and how many at once."""
    executor = click.option("--executor", "runner", metavar="NAME", help="What runs the stages: fork, kernel, dask.")
    cluster = click.option("--cluster", metavar="ADDRESS", help="Of the Dask scheduler.  [default: a local cluster]")
    jobs = click.option("--jobs", metavar="N", help="How many stages run at once.  [default: as many as cores]")
    return executor(cluster(jobs(command)))


def shown(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show what the user can mend as two lines on stderr, or as JSON, and exit 1 or 2; all else is our bug."""

    @functools.wraps(command)
    def wrapper(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except (Nb2ProdError, OSError) as wrong:
            refused = mendable(wrong)
            if refused is None:
                raise
        _show(refused, options.get("style"))
        sys.exit(2 if refused.code in MISUSE else 1)

    return wrapper


def _show(refused: Nb2ProdError, style: str | None) -> None:
    from nb2prod import schema
    from nb2prod.text import verbs

    if style == "json":
        click.echo(json.dumps({"ok": False, "error": schema.error(refused)}, indent=1))
    else:
        click.echo(verbs.error(schema.error(refused)), err=True)

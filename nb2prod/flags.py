"""Flags: what the commands have in common: their arguments and options, and how they show an error."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nb2prod.errors import Nb2ProdError
from nb2prod.failures import MISUSE

if TYPE_CHECKING:
    from collections.abc import Callable

NOTEBOOK = click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
FORMAT = click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
STORE = click.option("--store", help="Folder or URL of the store.  [default: .nb2prod/store]")
KERNEL = click.option("--kernel", help="Kernel to use instead of the notebook's.")


def shown(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show what the user can mend as two lines on stderr, or as JSON, and exit 1 or 2; all else is our bug."""

    @functools.wraps(command)
    def wrapper(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except Nb2ProdError as wrong:
            from nb2prod import schema

            if options.get("style") == "json":
                click.echo(json.dumps({"ok": False, "error": schema.error(wrong)}, indent=1))
            else:
                click.echo(str(wrong), err=True)
            sys.exit(2 if wrong.code in MISUSE else 1)

    return wrapper

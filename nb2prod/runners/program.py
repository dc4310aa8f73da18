"""Program: a fork server as a new program: its command line and its environment."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Imports make next to no garbage; nobody needs to look for it.
_START = (
    "import gc, sys\ngc.disable()\nif not sys.path[0]: del sys.path[0]\n"
    "from nb2prod.runners.forkserver import main\nmain()"
)


def command(number: int, names: Sequence[str]) -> list[str]:
    """Return the command that starts one; the working directory's modules are out of its reach.

    Args:
        number: Of its control socket.
        names: Modules to import ahead.
    """
    return [sys.executable, "-c", _START, str(number), json.dumps(list(names))]


def environment() -> dict[str, str]:
    """Return the environment of stages."""
    # With a fixed seed, sets come in the same order in every stage and every run.
    return {"PYTHONHASHSEED": "0", **os.environ}

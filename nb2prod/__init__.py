"""nb2prod: tag cells, click Ship, get a service you can trust.

The verbs live in `nb2prod.api`; this module only tells Jupyter and IPython where the front-ends are, and imports none
of them, so that `import nb2prod` costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which is no light import
if TYPE_CHECKING:
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"

__all__ = ["__version__"]


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register `%%stage`, `%pipeline` and `%ship`; called by `%load_ext nb2prod`."""
    from nb2prod.magics import register

    register(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "nb2prod"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "nb2prod.server"}]

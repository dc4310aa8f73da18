"""Traits: classes of the notebook whose metaclass is of traitlets, which writes down at creation what it finds in them.

Their skeleton is created empty. So what was written down is left out, and the metaclass looks again when all is there:
else the traits that a class inherits would be copies, and no longer those of its bases.
"""

from __future__ import annotations

import sys
from typing import Any

from cloudpickle import cloudpickle as internals

_WRITTEN = (
    "_descriptors",
    "_instance_inits",
    "_traits",
    "_trait_default_generators",
    "_all_trait_default_generators",
    "_static_immutable_initial_values",
)


def made(cls: Any) -> bool:
    """Tell whether a metaclass of traitlets has made a class."""
    metaclass = getattr(sys.modules.get("traitlets.traitlets"), "MetaHasDescriptors", None)
    return metaclass is not None and isinstance(cls, metaclass)


def reduce(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return how to make such a class again, given how cloudpickle would."""
    make, made_of, (attributes, slots), *rest = reduced
    own = {name: member for name, member in attributes.items() if name not in _WRITTEN}
    return make, made_of, (own, slots), *rest[:2], _fill


def _fill(cls: Any, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    internals._class_setstate(cls, state)
    cls.setup_class(dict(vars(cls)))

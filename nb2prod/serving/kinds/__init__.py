"""Kinds: what services are asked and what they answer, one kind a file; a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from .base import Kind

# Kind of a release → the module here whose `Served` answers for it. It is imported when a service is of that kind.
HOMES: Mapping[str, str] = {
    "classification": "rows",
    "forecast": "forecast",
    "ranking": "rows",
    "regression": "rows",
    "function": "function",
    "product": "product",
}


def kind_of(schema: Mapping[str, Any]) -> Kind:
    """Return what answers for a service, by the `kind` in its schema."""
    found = import_module(f"{__name__}.{HOMES[schema['kind']]}")
    made: Kind = found.Served(schema)
    return made

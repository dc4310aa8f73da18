"""Models: how libraries' models are loaded and asked, so that all of them answer as scikit-learn's do."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

# Library → the module here that knows it, imported when a service has such a model.
HOMES: Mapping[str, str] = {
    "boosters": "boosters",
    "catboost": "flat",
    "onnx": "graphs",
    "sklearn": "plain",
    "statsmodels": "results",
    "torch": "modules",
}


def load(data: bytes, schema: Mapping[str, Any]) -> Any:
    """Load a model from its file, which is the one that was released."""
    return _home(schema).load(data, schema)


def asked(model: Any, schema: Mapping[str, Any]) -> Any:
    """Return what answers `predict`, and `predict_proba` where there are classes, for a model.

    Args:
        model: As its library has it.
        schema: The service's; `library` says which that is, and `how` its answers are to be read.
    """
    return _home(schema).asked(model, schema.get("how", {}))


def _home(schema: Mapping[str, Any]) -> Any:
    return import_module(f"{__name__}.{HOMES[schema.get('library', 'sklearn')]}")

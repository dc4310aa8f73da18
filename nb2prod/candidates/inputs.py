"""Input: what a notebook gives a network or a graph, by the names that these have for it."""

from __future__ import annotations

import inspect
from typing import Any

from nb2prod.serving.tensors import Tensors


def named(library: str | None, model: Any, given: Any) -> Any:
    """Return several inputs, or one of more than two dimensions, with their names; all else as it is.

    Args:
        library: The model's.
        model: A module of PyTorch, or a session of onnxruntime.
        given: An array, several, or some by name.
    """
    import numpy as np
    import pandas as pd

    if library not in {"onnx", "torch"}:
        return given
    parts = list(given) if isinstance(given, list | tuple) else [given]
    if isinstance(given, dict):
        arrays = {name: np.asarray(value) for name, value in given.items()}
        if all(array.size == len(array) for array in arrays.values()):  # each is a column
            return pd.DataFrame({name: array.reshape(len(array)) for name, array in arrays.items()})
        return Tensors(arrays)
    if not all(hasattr(part, "shape") and hasattr(part, "dtype") and len(part.shape) for part in parts):
        return given
    if len(parts) == 1 and len(parts[0].shape) <= 2:
        return parts[0]
    names = [i.name for i in model.get_inputs()] if library == "onnx" else _parameters(model)
    names += [f"x{n}" for n in range(len(names), len(parts))]
    return Tensors({name: np.asarray(part) for name, part in zip(names, parts, strict=False)})


def _parameters(module: Any) -> list[str]:
    """Return the names of what a module takes."""
    schema = getattr(module.forward, "schema", None)  # of TorchScript
    if schema is not None:
        return [one.name for one in schema.arguments[1:]]
    plain = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return [p.name for p in inspect.signature(module.forward).parameters.values() if p.kind in plain]

"""Modules: networks of PyTorch, asked without gradients and as they are when they are not trained."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from attrs import frozen

from ..tensors import Tensors
from . import outputs, plain

__all__ = ["asked", "load", "raw"]


def load(data: bytes, schema: Mapping[str, Any]) -> Any:
    """Load a network, compiled by TorchScript or not."""
    if not schema.get("model", "").endswith(".pt"):
        return plain.load(data, schema)
    import torch

    return torch.jit.load(BytesIO(data), map_location="cpu")


@frozen
class Network:
    """A module, its output read as `how` says."""

    module: Any
    how: Mapping[str, Any]

    @property
    def classes_(self) -> Any:
        """Return the classes, none of a network that tells numbers."""
        return np.asarray(self.how.get("classes", ()))

    def predict(self, x: Any) -> Any:
        """Return one prediction a row."""
        return outputs.told(raw(self.module, x, self.how["dtype"]), self.how)

    def predict_proba(self, x: Any) -> Any:
        """Return `(rows, classes)`."""
        return outputs.chances(raw(self.module, x, self.how["dtype"]), self.how)


def raw(module: Any, x: Any, dtype: str) -> Any:
    """Return what the last layer says of rows, which may be a tensor, an array or a frame."""
    import torch

    if isinstance(x, Tensors):
        with torch.inference_mode():
            return module(*(torch.from_numpy(np.array(part, order="C")) for part in x.parts.values())).numpy()
    given = x if isinstance(x, torch.Tensor) else torch.from_numpy(np.array(x, dtype=dtype, order="C"))
    with torch.inference_mode():
        return module(given.to(getattr(torch, dtype))).numpy()


def asked(module: Any, how: Mapping[str, Any]) -> Network:
    """Return the module in evaluation mode, in which dropout drops nothing."""
    return Network(module.eval(), how)

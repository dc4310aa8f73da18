"""Scripts: networks that TorchScript has compiled, stored as PyTorch itself stores them."""

from __future__ import annotations

import io
from typing import Any


def reduce_script(value: Any) -> Any:
    """Return how to make a compiled network again."""
    return _script, (archive(value), value.training)


def archive(module: Any) -> bytes:
    """Return a compiled network as a file of its own."""
    import torch

    file = io.BytesIO()
    torch.jit.save(module, file)
    return file.getvalue()


def _script(data: bytes, training: bool) -> Any:  # noqa: FBT001
    import torch

    return torch.jit.load(io.BytesIO(data)).train(training)

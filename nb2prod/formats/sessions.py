"""Sessions: models of ONNX that are ready to be asked, stored as their graph and made ready again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# What a session may be told of how to compute; the graph says everything else.
_OPTIONS = ("graph_optimization_level", "inter_op_num_threads", "intra_op_num_threads", "execution_mode")


def reduce_session(value: Any) -> Any:
    """Return how to make a session of onnxruntime again."""
    given = value._sess_options_initial
    options = {name: int(getattr(given, name)) for name in _OPTIONS} if given is not None else None
    return _session, (graph(value), options, value.get_providers())


def graph(session: Any) -> bytes:
    """Return the graph of a session as it was given; onnxruntime has no other way to it than its own attributes."""
    data = session._model_bytes
    return bytes(data) if data else Path(session._model_path).read_bytes()


def _session(data: bytes, known: dict[str, int] | None, providers: list[str]) -> Any:
    import onnxruntime

    if known is None:
        return onnxruntime.InferenceSession(data, providers=providers)
    options = onnxruntime.SessionOptions()
    for name, value in known.items():
        setattr(options, name, type(getattr(options, name))(value))
    return onnxruntime.InferenceSession(data, options, providers=providers)

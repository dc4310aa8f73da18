"""Graphs: ONNX models, asked by onnxruntime; what they take is written in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen

from ..tensors import Tensors
from . import outputs

DTYPES = {"float": "float32", "double": "float64", "float16": "float16", "string": "object", "bool": "bool"}


@frozen
class Graph:
    """A session, its outputs read as `how` says."""

    session: Any
    how: Mapping[str, Any]

    @property
    def classes_(self) -> Any:
        """Return the classes, none of a graph that tells numbers."""
        return np.asarray(self.how.get("classes", ()))

    def predict(self, x: Any) -> Any:
        """Return one prediction a row."""
        if self.how["label"] is not None:
            said = np.asarray(self.session.run([self.how["label"]], fed(self.session, x))[0])
            return said[:, 0] if said.shape[1:] == (1,) else said
        return outputs.told(self._raw(x), self.how)

    def predict_proba(self, x: Any) -> Any:
        """Return `(rows, classes)`."""
        return outputs.chances(self._raw(x), self.how)

    def _raw(self, x: Any) -> Any:
        return array(self.session.run([self.how["output"]], fed(self.session, x))[0], self.how.get("classes", ()))


def array(said: Any, classes: Any) -> Any:
    """Return an output as an array; scikit-learn's converter writes a map of chances for each row."""
    if isinstance(said, list) and said and isinstance(said[0], dict):
        return np.array([[row[c] for c in classes] for row in said])
    return np.asarray(said)


def fed(session: Any, x: Any) -> dict[str, Any]:
    """Give rows to the inputs of a graph: all to the only one, or each column to the one of its name."""
    inputs = session.get_inputs()
    if isinstance(x, Tensors):
        return {i.name: np.asarray(x.parts[i.name], dtype=dtype(i)) for i in inputs}
    if len(inputs) == 1 and not isinstance(x, dict):
        return {inputs[0].name: np.asarray(x, dtype=dtype(inputs[0]))}
    columns = {i.name: np.asarray(x[i.name], dtype=dtype(i)) for i in inputs}
    return {i.name: columns[i.name].reshape(-1, 1) if len(i.shape) == 2 else columns[i.name] for i in inputs}


def dtype(given: Any) -> str:
    """Return NumPy's name for the type of an input, such as `tensor(int64)`."""
    inner = str(given.type).removeprefix("tensor(").removesuffix(")")
    return DTYPES.get(inner, inner)


def load(data: bytes, _schema: Mapping[str, Any]) -> Any:
    """Make a session; one thread, as many workers share a machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def asked(session: Any, how: Mapping[str, Any]) -> Graph:
    """Return the session with its outputs read."""
    return Graph(session, how)

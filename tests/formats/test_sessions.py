"""A model of ONNX that is ready to be asked is handed on to the next stage."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression

from nb2prod.formats import objects

X = np.random.default_rng(0).normal(size=(9, 3)).astype("float32")
GRAPH = to_onnx(LinearRegression().fit(X, X[:, 0]), X[:1]).SerializeToString()


@pytest.mark.parametrize("threads", [None, 1])
def test_a_session_answers_as_before_and_computes_as_it_was_told(threads: int | None) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(GRAPH, options if threads else None)
    pickled = objects.dumps({"session": session}, {})
    again = objects.loads(pickled.stream, {}, pickled.buffers)["session"]

    assert np.array_equal(again.run(None, {"X": X})[0], session.run(None, {"X": X})[0])
    assert again.get_session_options().intra_op_num_threads == (threads or 0)

"""What libraries' models answer is read from what they say of the rows that they learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LinearRegression, LogisticRegression

from nb2prod.candidates.libraries import library_of, remembered
from nb2prod.candidates.readings import how

CHANCE = np.random.default_rng(0)
X = CHANCE.normal(size=(60, 3)).astype("float32")
TWO = (X[:, 0] > 0).astype(int)


def session(model: Any) -> Any:
    import onnxruntime
    from skl2onnx import to_onnx

    return onnxruntime.InferenceSession(to_onnx(model, X[:1]).SerializeToString())


def test_libraries_are_told_apart_and_what_is_no_model_is_none() -> None:
    fitted = sm.OLS(X[:, 0], X[:, 1:]).fit()

    assert [library_of(v) for v in (fitted, LinearRegression())] == ["statsmodels", "sklearn"]
    assert [library_of(v) for v in (fitted.model, LinearRegression, 3, None)] == [None] * 4


# PyTorch is not among what `.[dev]` installs: the Makefile brings it, for the tier that ships a network.
@pytest.mark.ship
def test_a_loss_is_no_network() -> None:
    from torch import nn

    assert [library_of(v) for v in (nn.Linear(1, 1), nn.MSELoss(), nn.Linear)] == ["torch", None, None]


@pytest.mark.ship
@pytest.mark.parametrize(
    ("last", "labels", "expected"),
    [
        (lambda nn: nn.Linear(3, 2), TWO, {"reading": "logits", "classes": [0, 1]}),
        (
            lambda nn: nn.Sequential(nn.Linear(3, 2), nn.Softmax(dim=1)),
            TWO,
            {"reading": "probabilities", "classes": [0, 1]},
        ),
        (
            lambda nn: nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()),
            TWO,
            {"reading": "probabilities", "classes": [0, 1]},
        ),
        (lambda nn: nn.Linear(3, 1), X[:, 1], {"reading": "numbers", "flat": True}),
        (lambda nn: nn.Linear(3, 1), X[:, 1:2], {"reading": "numbers", "flat": True}),
        (lambda nn: nn.Linear(3, 2), X[:, 1:3], {"reading": "numbers", "flat": False}),
    ],
)
def test_a_network_is_read_by_its_last_layer(last: Callable[[Any], Any], labels: Any, expected: Any) -> None:
    from torch import nn

    assert how("torch", last(nn), X, labels) == {"dtype": "float32", **expected}


@pytest.mark.ship
def test_a_network_that_begins_with_an_embedding_takes_whole_numbers() -> None:
    from torch import nn

    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 2))

    assert how("torch", model, np.ones((60, 2), dtype="int64"), TWO)["dtype"] == "int64"


def test_a_graph_of_a_classifier_has_labels_and_chances() -> None:
    found = how("onnx", session(LogisticRegression().fit(X, TWO)), X, TWO)

    assert found == {
        "label": "output_label",
        "output": "output_probability",
        "classes": [0, 1],
        "reading": "probabilities",
    }


def test_a_graph_of_a_regressor_has_numbers() -> None:
    found = how("onnx", session(LinearRegression().fit(X, X[:, 1])), X, X[:, 1])

    assert (found["label"], found["reading"], found["flat"]) == (None, "numbers", True)


def test_a_model_of_chances_tells_two_classes() -> None:
    fitted = sm.Logit(TWO, X[:, 1:]).fit(disp=0)

    assert how("statsmodels", fitted, X[:, 1:], TWO) == {"classes": [0, 1]}
    assert how("statsmodels", sm.OLS(X[:, 0], X[:, 1:]).fit(), X[:, 1:], X[:, 0]) == {}


def test_results_remember_the_columns_that_their_formula_names() -> None:
    rows = pd.DataFrame(X, columns=["a", "ab", "c"]).assign(y=X[:, 0])
    x, y = remembered(sm.OLS.from_formula("y ~ np.exp(ab) + c", rows).fit()) or (None, None)

    assert list(x.columns) == ["ab", "c"]
    assert y.tolist() == rows["y"].tolist()

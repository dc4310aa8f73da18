"""Trees as tables of leaves: the same bits as scikit-learn's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from nb2prod.serving import heads
from nb2prod.serving.leaves import Leaves, TooLarge

CHANCE = np.random.default_rng(0)
X = np.column_stack(
    [
        CHANCE.normal(0, 3, 1500),
        CHANCE.integers(0, 6, 1500),
        CHANCE.integers(0, 2, 1500),
        CHANCE.exponential(1e6, 1500),
        CHANCE.normal(1e9, 1e-3, 1500),  # many thresholds in few cells of a grid
    ]
)
SCORE = X[:, 0] + 2 * X[:, 1] * X[:, 2] - np.log1p(X[:, 3])
HOLED = np.where(CHANCE.random(X.shape) < 0.1, np.nan, X)


def hostile(model: Any, x: Any, *, gaps: bool = True) -> Any:
    """Rows at all thresholds and beside them, and far away from any."""
    made = x.copy()
    for parts in heads.grown_of(model):
        for part in parts:
            inner = ~part["leaf"].astype(bool)
            for feature, threshold in zip(part["feature"][inner], part["threshold"][inner], strict=True):
                near = (threshold, np.nextafter(threshold, -np.inf), np.nextafter(threshold, np.inf))
                for value in near:
                    made[CHANCE.integers(len(made)), feature] = value
    far = [1e300, -1e300, 1e-300, 0.0, -0.0, *([np.inf, -np.inf, np.nan] if gaps else [])]
    made[CHANCE.integers(len(made), size=200), CHANCE.integers(made.shape[1], size=200)] = CHANCE.choice(far, 200)
    return made


def scores(model: Any) -> Any:
    raw = heads._histogram(model) if hasattr(model, "_predictors") else heads._gradient(model)
    assert raw.many is not None
    return raw


@pytest.mark.parametrize("leaves", [4, 31, 60])
def test_a_histogram_boosting_says_the_same_bits(leaves: int) -> None:
    model = HistGradientBoostingRegressor(max_iter=15, max_leaf_nodes=leaves, min_samples_leaf=3).fit(HOLED, SCORE)
    raw, x = scores(model), hostile(model, HOLED)

    assert raw.many(x).tobytes() == raw.own(x).tobytes()
    for rows in (1, 2, 3, 501, 1251):
        assert raw.many(x[:rows]).tobytes() == raw.own(x[:rows]).tobytes()


def test_each_class_has_its_own_trees() -> None:
    model = HistGradientBoostingClassifier(max_iter=15).fit(X, np.digitize(SCORE, [-12, -8]))
    raw, x = scores(model), hostile(model, HOLED)

    assert np.array_equal(raw.many(x), raw.own(x))


@pytest.mark.parametrize("kind", [GradientBoostingRegressor, GradientBoostingClassifier])
def test_a_gradient_boosting_says_the_same_bits(kind: Any) -> None:
    model = kind(n_estimators=30, max_depth=4).fit(X, SCORE if kind is GradientBoostingRegressor else SCORE > -8)
    raw = scores(model)
    x = np.clip(hostile(model, X, gaps=False), -1e30, 1e30)

    assert np.array_equal(raw.many(x), raw.own(x))


def test_a_model_of_one_leaf_a_tree_is_left_alone() -> None:
    model = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2000).fit(X, SCORE)
    raw = heads._histogram(model)

    assert raw.many is None
    assert np.array_equal(heads.head(model)(X)[0], model.predict(X))


def test_trees_with_more_leaves_than_bits_are_left_alone() -> None:
    model = HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=70, min_samples_leaf=2).fit(X, SCORE)

    with pytest.raises(TooLarge):
        Leaves(heads.grown_of(model)[0], 0.0)
    assert np.array_equal(heads.head(model)(X)[0], model.predict(X))


def test_answers_of_many_rows_and_of_each_alone_are_the_same() -> None:
    model = HistGradientBoostingClassifier(max_iter=30).fit(HOLED, SCORE > -8)
    head = heads.head(model)
    x = hostile(model, HOLED)[:300]
    said, chances = head(x)

    assert np.array_equal(said, model.predict(x))
    assert np.array_equal(chances, model.predict_proba(x))
    assert np.array_equal(chances, np.vstack([head(x[n : n + 1])[1] for n in range(len(x))]))

from __future__ import annotations

import copy
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod.compare.values import contrast


class Plain:
    """A value that is equal to itself only, as most classes of notebooks make them."""

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns or {"a": [1, 2], "b": [0.5, None], "c": ["x", "y"]})


def linked() -> list[Any]:
    found: list[Any] = [1]
    found.append(found)
    return found


def double(x: float) -> float:
    return x * 2


X = np.arange(40.0).reshape(20, 2) % 7
Y = X[:, 0] > 3

VALUES = [
    None, 1, 1.5, float("nan"), "text", b"bytes", (1, [2, {"a": {3}}]), {1: "a", "b": None}, frozenset({1, 2}),
    np.arange(6).reshape(2, 3), np.array([1.5, np.nan]), np.array(["a", None], dtype=object), np.float32(2),
    np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]), np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
    frame(), frame()["b"], frame().index, pd.Timestamp("2026-01-01"), datetime(2026, 1, 1, tzinfo=UTC), timedelta(1),
    Plain(x=Plain(y=[1])), double, lambda x: x + 1, re.compile("a+"), linked(), Plain, re, len, range(3),
    threading.Lock(), np.random.default_rng(0), RandomForestClassifier(3, random_state=0).fit(X, Y),
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
    HistGradientBoostingClassifier(max_iter=3).fit(X, Y),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_a_copy_does_not_differ(value: Any) -> None:
    other = value if isinstance(value, type(threading.Lock()) | type(re)) else copy.deepcopy(value)

    assert contrast(value, other, "v") is None


DIFFERENT: list[tuple[Any, Any, str]] = [
    (1, 2, "v: 1 straight, 2 staged"),
    (1, 1.0, "v: a int straight, a float staged"),
    (1, True, "v: a int straight, a bool staged"),
    (1.0, 1.001, "v: 1.0 straight, 1.001 staged"),
    ([1, [2, 3]], [1, [2, 4]], "v[1][1]: 3 straight, 4 staged"),
    ([1], [1, 2], "v: 1 items straight, 2 staged"),
    ({"a": 1}, {"b": 1}, "v['a']: only straight"),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "v: in another order"),
    ({1, 2}, {1, 3}, "2 straight, 3 staged"),
    (
        np.zeros((2, 2)),
        np.array([[0, 0], [0, 1.5]]),
        "v[1, 1]: np.float64(0.0) straight, np.float64(1.5) staged (1 of 4",
    ),
    (np.zeros(2), np.zeros(3), "v: float64 (2,) straight, float64 (3,) staged"),
    (np.zeros(2), np.zeros(2, dtype="f4"), "float32"),
    (np.float64(1), np.array(1.0), "v: a numpy.float64 straight, a numpy.ndarray staged"),
    (frame(a=[1, 2]), frame(a=[1, 3]), 'v: DataFrame.iloc[:, 0] (column name="a") are different'),
    (frame(a=[1.0]), frame(b=[1.0]), "DataFrame.columns are different"),
    (frame(a=[10**12]), frame(a=[10**12 + 1]), "are different"),
    (Plain(x=Plain(y=[1])), Plain(x=Plain(y=[2])), "v.x.y[0]: 1 straight, 2 staged"),
    (lambda x: x + 1, lambda x: x - 1, "v"),
    (LogisticRegression().fit(X, Y), LogisticRegression(C=0.01).fit(X, Y), "v.C: 1.0 straight, 0.01 staged"),
    (
        RandomForestClassifier(3, random_state=0).fit(X, Y),
        RandomForestClassifier(3, random_state=0).fit(X, X[:, 1] > 3),
        "v.estimators_[0]",
    ),
    (pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-02"), "2026-01-02"),
    (np.random.default_rng(0), np.random.default_rng(1), "v"),
    (len, max, "v"),
]


@pytest.mark.parametrize(("straight", "staged", "said"), DIFFERENT, ids=lambda v: type(v).__name__)
def test_a_difference_is_said_where_it_is(straight: Any, staged: Any, said: str) -> None:
    found = contrast(straight, staged, "v")

    assert found is not None
    assert said in found


def test_numbers_may_differ_in_their_last_digits() -> None:
    values = {"f": 0.1 + 0.2, "a": X, "t": frame(a=[1 / 3])}
    others = {"f": 0.3, "a": X * (1 + 1e-9), "t": frame(a=[0.333333333333])}

    assert contrast(values, others, "v") is None


def test_values_may_be_nested_without_end() -> None:
    deep: list[Any] = []
    other: list[Any] = []
    for _ in range(100_000):
        deep, other = [deep], [other]

    assert "nested too deeply" in str(contrast(deep, other, "v"))

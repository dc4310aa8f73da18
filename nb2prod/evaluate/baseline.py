"""Rival: a simple model for the same labels, measured on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen

from nb2prod.evaluate import series
from nb2prod.evaluate.truth import Said, Truth


@frozen(kw_only=True)
class Rival:
    """What a model must beat to be worth its trouble."""

    name: str
    metrics: Mapping[str, float] = field(factory=dict)
    origin: Literal["automatic", "stage", "release"] = "automatic"
    better_by: tuple[float, float] | None = None  # by which the model is better than it: an interval


def guesses(kind: str, learnt: Any, truth: Truth, rows: Any = None) -> list[tuple[str, Said]]:
    """Return what the simplest models of a kind say; the first is the one to beat.

    Args:
        kind: Of the model.
        learnt: The labels it was trained on; of ranked rows, these with rows and queries, as `Learnt`.
        truth: Of the held-out rows.
        rows: The held-out rows, where a column of them is a way to rank.
    """
    if kind == "forecast":
        return series.naive(truth)
    if kind == "ranking":
        return _orders(learnt, rows)
    return _constant(kind, learnt, len(truth.labels))


def _constant(kind: str, learnt: Any, count: int) -> list[tuple[str, Said]]:
    import numpy as np
    from sklearn.dummy import DummyClassifier, DummyRegressor

    # They look at labels only, so the rows may be anything of the right length.
    labels = np.asarray(learnt)
    labels = labels.ravel() if labels.shape[1:] == (1,) else labels
    rows = np.zeros((count, 1))
    every: dict[str, Any] = {
        "most frequent class": DummyClassifier(strategy="prior"),
        "classes by chance, as often as in training": DummyClassifier(strategy="stratified", random_state=0),
    }
    if kind != "classification":
        names = ("mean", "median")
        every = {f"{name} of the training labels": DummyRegressor(strategy=name) for name in names}
    found = []
    for name, model in every.items():
        model.fit(np.zeros((len(labels), 1)), labels)
        classes = getattr(model, "classes_", None)
        chances = None if classes is None else model.predict_proba(rows)
        found.append((name, Said(predicted=model.predict(rows), probabilities=chances, classes=classes)))
    return found


@frozen(kw_only=True)
class Learnt:
    """Ranked rows that a model was trained on."""

    rows: Any = field(eq=False, repr=False)
    truth: Truth


def _orders(learnt: Learnt, rows: Any) -> list[tuple[str, Said]]:
    """Rank by the one column that ranks the training rows best, such as popularity; and not at all."""
    import numpy as np
    import pandas as pd

    from nb2prod.evaluate import ranking

    past, now = pd.DataFrame(learnt.rows), pd.DataFrame(rows)
    numbers = [c for c in past.columns if pd.api.types.is_numeric_dtype(past[c]) and not past[c].isna().any()]
    ways = [(c, sign) for c in numbers for sign in (1.0, -1.0)]
    as_given = ("order in which they came", Said(predicted=-np.arange(len(now), dtype=float)))
    if not ways:
        return [as_given]
    values = {way: ranking.measured(learnt.truth, past[way[0]].to_numpy(float) * way[1])["ndcg"] for way in ways}
    column, sign = max(values, key=lambda way: values[way])
    told = f"order by '{column}', {'highest' if sign > 0 else 'lowest'} first"
    return [(told, Said(predicted=now[column].fillna(-np.inf).to_numpy(float) * sign)), as_given]

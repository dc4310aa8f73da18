"""Rival: the simplest model for the same labels, measured on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from nb2prod.evaluate.intervals import Said
from nb2prod.evaluate.metrics import measure


@frozen(kw_only=True)
class Rival:
    """What a model must beat to be worth its trouble."""

    name: str
    metrics: Mapping[str, float] = field(factory=dict)


def guess(kind: str, learnt: Any, count: int) -> tuple[str, Said]:
    """Fit the most frequent class, or the mean, on the training labels, and say it of `count` rows.

    Args:
        kind: `classification` or `regression`.
        learnt: The labels the model was trained on.
        count: Held-out rows.

    Returns:
        What the rival is called, and what it says.
    """
    import numpy as np
    from sklearn.dummy import DummyClassifier, DummyRegressor

    classes = kind == "classification"
    model = DummyClassifier(strategy="most_frequent") if classes else DummyRegressor(strategy="mean")
    # It looks at labels only, so the rows may be anything of the right length.
    labels = np.asarray(learnt)
    model.fit(np.zeros((len(learnt), 1)), labels.ravel() if labels.shape[1:] == (1,) else labels)
    rows = np.zeros((count, 1))
    if not classes:
        return "mean of the training labels", Said(predicted=model.predict(rows))
    said = Said(predicted=model.predict(rows), probabilities=model.predict_proba(rows), classes=model.classes_)
    return "most frequent class", said


def rival(kind: str, learnt: Any, judged: Any) -> Rival:
    """Measure the simplest rival on the held-out labels."""
    name, said = guess(kind, learnt, len(judged))
    return Rival(name=name, metrics=measure(kind, judged, said.predicted, said.probabilities, said.classes))

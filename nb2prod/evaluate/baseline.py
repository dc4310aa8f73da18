"""Rival: the simplest model for the same labels, measured on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from nb2prod.evaluate.metrics import measure


@frozen(kw_only=True)
class Rival:
    """What a model must beat to be worth its trouble."""

    name: str
    metrics: Mapping[str, float] = field(factory=dict)


def rival(kind: str, learnt: Any, judged: Any) -> Rival:
    """Fit the most frequent class, or the mean, on the training labels and measure it.

    Args:
        kind: `classification` or `regression`.
        learnt: The labels the model was trained on.
        judged: The held-out labels.
    """
    import numpy as np
    from sklearn.dummy import DummyClassifier, DummyRegressor

    classes = kind == "classification"
    model = DummyClassifier(strategy="most_frequent") if classes else DummyRegressor(strategy="mean")
    # It looks at labels only, so the rows may be anything of the right length.
    labels = np.asarray(learnt)
    model.fit(np.zeros((len(learnt), 1)), labels.ravel() if labels.shape[1:] == (1,) else labels)
    rows = np.zeros((len(judged), 1))
    metrics = (
        measure(kind, judged, model.predict(rows), model.predict_proba(rows), model.classes_)
        if classes
        else measure(kind, judged, model.predict(rows))
    )
    return Rival(name="most frequent class" if classes else "mean of the training labels", metrics=metrics)

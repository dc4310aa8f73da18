"""Metrics: a model's quality on rows it has not seen, as scikit-learn defines it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nb2prod.evaluate import ranking, series
from nb2prod.evaluate.truth import Said, Truth

PRIMARY: Mapping[str, tuple[str, bool]] = {  # kind → metric, whether more is better
    "classification": ("accuracy", True),
    "forecast": ("mae", False),
    "ranking": ("ndcg", True),
    "regression": ("rmse", False),
}
RARE = 0.9  # where one class has so many of the rows, saying nothing else is accurate, and useless


def counts(kind: str, labels: Any) -> tuple[str, bool]:
    """Return the metric by which models of a kind are compared, and whether more of it is better."""
    import numpy as np

    if kind == "classification" and np.unique(np.asarray(labels), return_counts=True)[1].max() > RARE * len(labels):
        return "balanced_accuracy", True
    return PRIMARY[kind]


def measure(kind: str, truth: Truth, said: Said) -> dict[str, float]:
    """Measure what a model says.

    Returns:
        Metric by name. With two classes the second one in order counts as positive; with more, classes weigh the same.
    """
    import numpy as np

    labels, predicted = np.asarray(truth.labels), np.asarray(said.predicted)
    if labels.shape[1:] == (1,):
        labels = labels.ravel()  # a frame of one column
    if kind == "classification":
        found = _classes(labels, predicted, said)
    elif kind == "ranking":
        found = ranking.measured(truth, predicted)
    else:
        found = _numbers(labels, predicted) | (series.measured(truth, predicted) if kind == "forecast" else {})
    return {name: float(value) for name, value in found.items()}


def _classes(labels: Any, predicted: Any, said: Said) -> dict[str, Any]:
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    known = np.unique(labels) if said.classes is None else np.asarray(said.classes)
    two = len(known) == 2
    mean: dict[str, Any] = {"average": "binary", "pos_label": known[1]} if two else {"average": "macro"}
    found = {
        "accuracy": accuracy_score(labels, predicted),
        # The mean recall of the classes that occur: balanced accuracy, without a warning about the others.
        "balanced_accuracy": recall_score(
            labels, predicted, labels=np.unique(labels), average="macro", zero_division=0
        ),
        "f1" if two else "f1_macro": f1_score(labels, predicted, zero_division=0, **mean),
    }
    if said.probabilities is not None and len(np.unique(labels)) == len(known) and np.isin(labels, known).all():
        found |= _chances(labels, np.asarray(said.probabilities, dtype=float), known, two=two)
    return found


def _chances(labels: Any, probabilities: Any, known: Any, *, two: bool) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
    from sklearn.preprocessing import label_binarize

    whole = probabilities / probabilities.sum(axis=1, keepdims=True)  # of few digits it is 1 but for the last ones
    loss = log_loss(labels, whole, labels=known)
    if two:
        right = labels == known[1]
        return {
            "roc_auc": roc_auc_score(right, probabilities[:, 1]),
            "average_precision": average_precision_score(right, probabilities[:, 1]),
            "log_loss": loss,
        }
    every = label_binarize(labels, classes=known)
    return {
        "roc_auc_ovr": roc_auc_score(labels, whole, multi_class="ovr", labels=known),
        "average_precision": average_precision_score(every, probabilities, average="macro"),
        "log_loss": loss,
    }


def _numbers(labels: Any, predicted: Any) -> dict[str, Any]:
    from sklearn.metrics import (
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        r2_score,
    )

    found = {"mae": mean_absolute_error(labels, predicted), "rmse": mean_squared_error(labels, predicted) ** 0.5}
    if len(labels) > 1:  # one row has no variance to explain
        found["r2"] = r2_score(labels, predicted)
    if (labels > 0).all():  # a share of nothing, or of less, says nothing
        found["mape"] = mean_absolute_percentage_error(labels, predicted)
    return found

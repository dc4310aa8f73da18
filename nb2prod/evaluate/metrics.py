"""Metrics: a model's quality on rows it has not seen, as scikit-learn defines it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRIMARY: Mapping[str, tuple[str, bool]] = {  # kind → metric, whether more is better
    "classification": ("accuracy", True),
    "regression": ("rmse", False),
}


def measure(kind: str, labels: Any, predicted: Any, probabilities: Any = None, classes: Any = None) -> dict[str, float]:
    """Measure predictions against labels.

    Args:
        kind: `classification` or `regression`.
        labels: What was right, one a row.
        predicted: What the model said, one a row.
        probabilities: `(rows, classes)`, or None.
        classes: The label of each column of `probabilities`.

    Returns:
        Metric by name. With two classes the second one in order counts as positive; with more, classes weigh the same.
    """
    import numpy as np

    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if labels.shape[1:] == (1,):
        labels = labels.ravel()  # a frame of one column
    if kind == "classification":
        return _classes(labels, predicted, probabilities, classes)
    return _numbers(labels, predicted)


def _classes(labels: Any, predicted: Any, probabilities: Any, classes: Any) -> dict[str, float]:
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    known = np.unique(labels) if classes is None else np.asarray(classes)
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
    if probabilities is not None and len(np.unique(labels)) == len(known) and np.isin(labels, known).all():
        found |= _ranking(labels, np.asarray(probabilities), known, two=two)
    return {name: float(value) for name, value in found.items()}


def _ranking(labels: Any, probabilities: Any, known: Any, *, two: bool) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    if two:
        return {"roc_auc": roc_auc_score(labels == known[1], probabilities[:, 1])}
    return {"roc_auc_ovr": roc_auc_score(labels, probabilities, multi_class="ovr", labels=known)}


def _numbers(labels: Any, predicted: Any) -> dict[str, float]:
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    found = {"mae": mean_absolute_error(labels, predicted), "rmse": mean_squared_error(labels, predicted) ** 0.5}
    if len(labels) > 1:  # one row has no variance to explain
        found["r2"] = r2_score(labels, predicted)
    return {name: float(value) for name, value in found.items()}

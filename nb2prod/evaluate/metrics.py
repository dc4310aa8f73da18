"""Metrics: a model's quality on rows it has not seen, as scikit-learn defines it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    known = flat(labels)
    if (
        kind == "classification"
        and known.ndim == 1
        and np.unique(known, return_counts=True)[1].max() > RARE * len(known)
    ):
        return "balanced_accuracy", True
    return PRIMARY[kind]


def flat(labels: Any) -> Any:
    """Return labels as an array; a frame of one column is a row of them."""
    import numpy as np

    found = np.asarray(labels)
    return found.ravel() if found.shape[1:] == (1,) else found


def columns(labels: Any, predicted: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each of several targets, as it is and as it was told."""
    yield from zip(labels.T, predicted.reshape(labels.shape).T, strict=True)


def sought(truth: Truth, known: Any) -> Any:
    """Return which of two classes is looked for: the one that the notebook names, or the second one."""
    return truth.positive if truth.positive in known.tolist() else known[1]


def measure(kind: str, truth: Truth, said: Said) -> dict[str, float]:
    """Measure what a model says.

    Returns:
        Metric by name. With two classes the one that the notebook looks for, or the second one in order, counts as
        positive; with more, classes weigh the same. So do several targets.
    """
    labels, predicted = flat(truth.labels), flat(said.predicted)
    if kind == "classification":
        found = _classes(truth, labels, predicted, said)
    elif kind == "ranking":
        found = ranking.measured(truth, predicted)
    else:
        found = _numbers(labels.astype(float), predicted.astype(float))
        found |= series.measured(truth, predicted) if kind == "forecast" else {}
    return {name: float(value) for name, value in found.items()}


def _classes(truth: Truth, labels: Any, predicted: Any, said: Said) -> dict[str, Any]:
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score, recall_score

    known = np.unique(labels) if said.classes is None else np.asarray(said.classes)
    two = len(known) == 2
    found = {
        "accuracy": accuracy_score(labels, predicted),
        # The mean recall of the classes that occur: balanced accuracy, without a warning about the others.
        "balanced_accuracy": recall_score(
            labels, predicted, labels=np.unique(labels), average="macro", zero_division=0
        ),
    }
    if two:
        wanted = sought(truth, known)
        found["f1"] = f1_score(labels == wanted, predicted == wanted, zero_division=0)
    else:
        found["f1_macro"] = f1_score(labels, predicted, average="macro", zero_division=0)
    if said.probabilities is not None and len(np.unique(labels)) == len(known) and np.isin(labels, known).all():
        found |= _chances(truth, np.asarray(said.probabilities, dtype=float), known)
    return found


def _chances(truth: Truth, probabilities: Any, known: Any) -> dict[str, Any]:
    from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
    from sklearn.preprocessing import label_binarize

    labels = flat(truth.labels)
    whole = probabilities / probabilities.sum(axis=1, keepdims=True)  # of few digits it is 1 but for the last ones
    loss = log_loss(labels, whole, labels=known)
    if len(known) == 2:
        wanted = sought(truth, known)
        right, chance = labels == wanted, probabilities[:, known.tolist().index(wanted)]
        return {
            "roc_auc": roc_auc_score(right, chance),
            "average_precision": average_precision_score(right, chance),
            "log_loss": loss,
        }
    every = label_binarize(labels, classes=known)
    return {
        "roc_auc_ovr": roc_auc_score(labels, whole, multi_class="ovr", labels=known),
        "average_precision": average_precision_score(every, probabilities, average="macro"),
        "log_loss": loss,
    }


def _numbers(labels: Any, predicted: Any) -> dict[str, Any]:
    import numpy as np
    from sklearn.metrics import (
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_error,
        r2_score,
    )

    predicted = predicted.reshape(labels.shape)
    squares = mean_squared_error(labels, predicted, multioutput="raw_values")
    found = {"mae": mean_absolute_error(labels, predicted), "rmse": np.sqrt(squares).mean()}
    if np.ptp(labels, axis=0).all():  # what is always the same has no variance to explain
        found["r2"] = r2_score(labels, predicted)
    if (labels > 0).all():  # a share of nothing, or of less, says nothing
        found["mape"] = mean_absolute_percentage_error(labels, predicted)
    return found

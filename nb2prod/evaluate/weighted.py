"""Weighted: the metrics of a model where each held-out row counts as often as a resample has it."""

from __future__ import annotations

from typing import Any

from nb2prod.evaluate import ranking, series
from nb2prod.evaluate.metrics import columns, flat, sought
from nb2prod.evaluate.truth import Said, Truth


def weighted(kind: str, truth: Truth, said: Said, weights: Any) -> dict[str, Any]:
    """Measure predictions once for each row of `weights`, which say how often each held-out row, or query, counts.

    Args:
        kind: Of the model.
        truth: What was right.
        said: What a model said.
        weights: `(rounds, rows)`, or `(rounds, queries)`.
    """
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may have one class only
        if kind == "classification":
            return _classes(truth, said, weights)
        if kind == "ranking":
            each = ranking.each(truth, said.predicted)
            return {name: weights @ values / weights.sum(axis=1) for name, values in each.items()}
        labels = flat(truth.labels).astype(float)
        found = _numbers(labels, np.asarray(said.predicted, dtype=float), weights)
        scale = series.usual(truth) if kind == "forecast" else 0
        return found | ({"mase": found["mae"] / scale} if scale else {})


def _classes(truth: Truth, said: Said, weights: Any) -> dict[str, Any]:
    import numpy as np

    labels, predicted, total = flat(truth.labels), flat(said.predicted), weights.sum(axis=1)
    known = np.unique(labels) if said.classes is None else np.asarray(said.classes)
    two, present = len(known) == 2, np.unique(labels)
    recalls = [weights @ ((labels == c) & (predicted == c)) / (weights @ (labels == c)) for c in present]
    found = {
        "accuracy": weights @ (labels == predicted) / total,
        "balanced_accuracy": np.mean(recalls, axis=0),
    }
    if two:
        wanted = sought(truth, known)
        found["f1"] = np.nan_to_num(_f1(labels == wanted, predicted == wanted, weights))
    else:
        found["f1_macro"] = _macro(labels, predicted, weights)
    if said.probabilities is not None and len(present) == len(known) and np.isin(labels, known).all():
        chances = np.asarray(said.probabilities)
        looked = [(n, c) for n, c in enumerate(known) if not two or c == sought(truth, known)]
        ranked = [_auc(labels == c, chances[:, n], weights) for n, c in looked]
        found["roc_auc" if two else "roc_auc_ovr"] = np.mean(ranked, axis=0)
        precise = [_precision(labels == c, chances[:, n], weights) for n, c in looked]
        found["average_precision"] = np.mean(precise, axis=0)
        found["log_loss"] = weights @ _losses(labels, chances, known) / total
    return found


def _macro(labels: Any, predicted: Any, weights: Any) -> Any:
    """Return the mean F1 of the classes that occur, or are said."""
    import numpy as np

    every = np.union1d(labels, predicted)
    return np.nanmean([_f1(labels == c, predicted == c, weights) for c in every], axis=0)


def _losses(labels: Any, chances: Any, known: Any) -> Any:
    """Return how unlikely each row's class was found, as scikit-learn's log loss has it."""
    import numpy as np

    whole = chances.astype(float) / chances.sum(axis=1, keepdims=True)
    place = np.searchsorted(known, labels) if (known[:-1] < known[1:]).all() else [list(known).index(x) for x in labels]
    tiny = np.finfo(float).eps
    return -np.log(np.clip(whole, tiny, 1 - tiny)[np.arange(len(labels)), place])


def _precision(right: Any, scores: Any, weights: Any) -> Any:
    """Return the mean precision at each score that finds more of what is right (average precision)."""
    import numpy as np

    _, place = np.unique(-scores, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    good = np.add.reduceat((weights * right)[:, order], starts, axis=1)
    every = np.add.reduceat(weights[:, order], starts, axis=1)
    precision = np.cumsum(good, axis=1) / np.maximum(np.cumsum(every, axis=1), np.finfo(float).tiny)
    return (good * precision).sum(axis=1) / good.sum(axis=1)


def _f1(right: Any, told: Any, weights: Any) -> Any:
    import numpy as np

    both, either = weights @ (right & told), weights @ right + weights @ told
    return np.where(either > 0, 2 * both / either, np.nan)


def _auc(right: Any, scores: Any, weights: Any) -> Any:
    """Return the share of pairs in which the right one has the higher score; equal ones count half."""
    import numpy as np

    _, place = np.unique(scores, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    good = np.add.reduceat((weights * right)[:, order], starts, axis=1)
    bad = np.add.reduceat((weights * ~right)[:, order], starts, axis=1)
    below = np.cumsum(bad, axis=1) - bad
    return (good * (below + bad / 2)).sum(axis=1) / (good.sum(axis=1) * bad.sum(axis=1))


def _numbers(labels: Any, predicted: Any, weights: Any) -> dict[str, Any]:
    import numpy as np

    predicted = predicted.reshape(labels.shape)  # a frame of one column may be what was learnt
    if labels.ndim > 1:  # several targets weigh the same
        wide = [_numbers(a, b, weights) for a, b in columns(labels, predicted)]
        shared = [name for name in wide[0] if all(name in one for one in wide)]
        return {name: np.mean([one[name] for one in wide], axis=0) for name in shared}
    total = weights.sum(axis=1)
    errors = weights @ (labels - predicted) ** 2
    apart = labels - labels.mean()  # squares of what is far from 0 lose the digits that matter
    spread = weights @ apart**2 - (weights @ apart) ** 2 / total
    found = {"mae": weights @ np.abs(labels - predicted) / total, "rmse": np.sqrt(errors / total)}
    found |= {"r2": 1 - errors / np.where(spread > 0, spread, np.nan)} if np.ptp(labels) else {}
    shares = {"mape": weights @ np.abs(labels / labels - predicted / labels) / total} if (labels > 0).all() else {}
    return found | shares

"""Interval: how far a metric might lie from what was measured, had other rows been held out (bootstrap)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from nb2prod.evaluate import ranking, series
from nb2prod.evaluate.metrics import counts
from nb2prod.evaluate.truth import Said, Truth

ROUNDS = 400  # resamples
SHARE = 0.95  # of the resamples lie within an interval
CELLS = 4_000_000  # weights that are held at a time


@frozen(kw_only=True)
class Comparison:
    """A model beside its rival, on the same resamples of the same rows."""

    intervals: Mapping[str, tuple[float, float]]  # of the model's metrics
    metric: str  # the one that counts
    better_by: tuple[float, float]  # interval of the difference, positive where the model is better

    @property
    def beyond_noise(self) -> bool:
        """Say whether one of the two is better whichever rows had been held out."""
        low, high = self.better_by
        return low > 0 or high < 0


def compare(kind: str, truth: Truth, mine: Said, theirs: Said) -> Comparison:
    """Compare two models by resampling; both are judged on the same resamples, so luck falls on both alike.

    Rows are drawn one by one, ranked rows by the query, and a series in blocks, as its neighbours are alike.
    """
    import numpy as np

    chance = np.random.default_rng(0)
    name, more = counts(kind, truth.labels)
    own: dict[str, list[Any]] = {}
    apart: list[Any] = []
    for weights in _resamples(kind, truth, chance):
        found, rival = weighted(kind, truth, mine, weights), weighted(kind, truth, theirs, weights)
        for metric, values in found.items():
            own.setdefault(metric, []).append(values)
        apart.append((found[name] - rival[name]) * (1 if more else -1))
    ends = [(1 - SHARE) / 2, (1 + SHARE) / 2]
    intervals = {
        metric: _ends(np.nanquantile(np.concatenate(values), ends))
        for metric, values in own.items()
        if np.isfinite(np.concatenate(values)).any()
    }
    return Comparison(intervals=intervals, metric=name, better_by=_ends(np.nanquantile(np.concatenate(apart), ends)))


def _resamples(kind: str, truth: Truth, chance: Any) -> Iterator[Any]:
    """Yield weights: how often each row, or query, counts in each of some resamples."""
    import numpy as np

    size = sum(len(p) > 1 for p in ranking.queries(truth.groups)) if kind == "ranking" else len(truth.labels)
    done, step = 0, max(1, CELLS // max(size, 1))
    while done < ROUNDS:
        rounds = min(step, ROUNDS - done)
        done += rounds
        if kind != "forecast":
            yield chance.multinomial(size, np.full(size, 1 / size), size=rounds).astype(float)
            continue
        length = max(1, round(size ** (1 / 3)))  # of a block; Politis and Romano (1992): blocks go on at the start
        starts = chance.integers(size, size=(rounds, -(-size // length)))
        places = (starts[:, :, None] + np.arange(length)).reshape(rounds, -1)[:, :size] % size
        yield np.stack([np.bincount(row, minlength=size) for row in places]).astype(float)


def weighted(kind: str, truth: Truth, said: Said, weights: Any) -> dict[str, Any]:
    """Measure predictions once for each row of `weights`, which say how often each held-out row, or query, counts.

    Args:
        kind: Of the model.
        truth: What was right.
        said: What a model said.
        weights: `(rounds, rows)`, or `(rounds, queries)`.
    """
    import numpy as np

    labels = np.asarray(truth.labels)
    labels = labels.ravel() if labels.shape[1:] == (1,) else labels
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may have one class only
        if kind == "classification":
            return _classes(labels, said, weights)
        if kind == "ranking":
            each = ranking.each(truth, said.predicted)
            return {name: weights @ values / weights.sum(axis=1) for name, values in each.items()}
        found = _numbers(labels, np.asarray(said.predicted), weights)
        scale = series.usual(truth) if kind == "forecast" else 0
        return found | ({"mase": found["mae"] / scale} if scale else {})


def _classes(labels: Any, said: Said, weights: Any) -> dict[str, Any]:
    import numpy as np

    predicted = np.asarray(said.predicted)
    known = np.unique(labels) if said.classes is None else np.asarray(said.classes)
    two, total = len(known) == 2, weights.sum(axis=1)
    present = np.unique(labels)
    recalls = [weights @ ((labels == c) & (predicted == c)) / (weights @ (labels == c)) for c in present]
    f1 = [_f1(labels == c, predicted == c, weights) for c in (known[1:] if two else known)]
    found = {
        "accuracy": weights @ (labels == predicted) / total,
        "balanced_accuracy": np.nanmean(recalls, axis=0),
        "f1" if two else "f1_macro": np.mean(f1, axis=0),
    }
    if said.probabilities is not None and len(present) == len(known) and np.isin(labels, known).all():
        chances = np.asarray(said.probabilities)
        ranked = [_auc(labels == c, chances[:, n], weights) for n, c in enumerate(known) if not two or n == 1]
        found["roc_auc" if two else "roc_auc_ovr"] = np.mean(ranked, axis=0)
        precise = [_precision(labels == c, chances[:, n], weights) for n, c in enumerate(known) if not two or n == 1]
        found["average_precision"] = np.mean(precise, axis=0)
        found["log_loss"] = weights @ _losses(labels, chances, known) / total
    return found


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
    return np.where(either > 0, 2 * both / either, 0.0)


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
        wide = [_numbers(a, b, weights) for a, b in zip(labels.T, predicted.T, strict=True)]
        return {name: np.mean([one[name] for one in wide], axis=0) for name in wide[0]}
    total = weights.sum(axis=1)
    errors = weights @ (labels - predicted) ** 2
    middle = weights @ labels / total
    spread = weights @ labels**2 - total * middle**2
    found = {"mae": weights @ np.abs(labels - predicted) / total, "rmse": np.sqrt(errors / total)}
    found |= {"r2": 1 - errors / np.where(spread > 0, spread, np.nan)} if len(labels) > 1 else {}
    shares = {"mape": weights @ np.abs(labels / labels - predicted / labels) / total} if (labels > 0).all() else {}
    return found | shares


def _ends(found: Any) -> tuple[float, float]:
    low, high = found.tolist()
    return low, high

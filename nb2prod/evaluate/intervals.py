"""Interval: how far a metric might lie from what was measured, had other rows been held out (bootstrap)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from nb2prod.evaluate import shares
from nb2prod.evaluate.draws import Draw, draw, resamples
from nb2prod.evaluate.metrics import counts, flat
from nb2prod.evaluate.truth import Said, Truth
from nb2prod.evaluate.weighted import weighted

SHARE = 0.95  # of the resamples lie within an interval
ENOUGH = 30  # units
ENDLESS = frozenset({"log_loss", "mae", "mape", "mase", "rmse"})  # have no highest value; of the others it is 1
Ends = tuple[float, float]


@frozen(kw_only=True)
class Comparison:
    """A model beside its rival, on the same resamples of the same rows."""

    intervals: Mapping[str, Ends]  # of the model's metrics, where the rows are enough to tell
    metric: str  # the one that counts
    better_by: Ends | None  # interval of the difference, positive where the model is better; None of too few rows

    @property
    def beyond_noise(self) -> bool:
        """Say whether one of the two is better whichever rows had been held out."""
        return self.better_by is not None and (self.better_by[0] > 0 or self.better_by[1] < 0)


def compare(kind: str, truth: Truth, mine: Said, theirs: Said) -> Comparison:
    """Compare two models on the same held-out rows, so that luck falls on both alike.

    Rows are drawn one by one; ranked rows by the query, rows of groups by the group, and what follows each other in
    blocks, as neighbours are alike. How many answers are right is told without drawing.
    """
    import numpy as np

    name, more = counts(kind, truth.labels)
    wrong = np.stack([_losses(kind, truth, said) for said in (mine, theirs)])
    drawn = draw(kind, truth, [*wrong, wrong[0] - wrong[1]])
    intervals, gap = _resampled(kind, truth, (mine, theirs), drawn)
    low, high = gap.get(name) or (None, None)
    better_by = None if low is None or high is None else (low, high) if more else (-high, -low)
    if kind == "classification" and drawn.alone:
        right, strata = wrong == 0, _strata(truth)
        intervals |= {metric: shares.alone(right[0], of) for metric, of in strata.items()}
        better_by = shares.apart(right[0], right[1], strata[name])
    return Comparison(intervals=intervals, metric=name, better_by=better_by)


def _resampled(
    kind: str, truth: Truth, both: tuple[Said, Said], drawn: Draw
) -> tuple[dict[str, Ends], dict[str, Ends]]:
    """Return the intervals of a model's metrics, and those of how much more they are than its rival's."""
    import numpy as np

    if drawn.units < 2:
        return {}, {}
    once = np.ones((1, drawn.size))
    every = itertools.chain([once], resamples(drawn))  # weights are large, and held only while they are used
    rounds = [[weighted(kind, truth, said, weights) for said in both] for weights in every]
    units, own, gap = _told(kind, truth, drawn), dict[str, Ends](), dict[str, Ends]()
    for metric in rounds[0][0]:
        mine, theirs = (np.concatenate([pair[n].get(metric, [np.nan]) for pair in rounds]) for n in (0, 1))
        if (ends := _interval(mine[1:], float(mine[0]), units, _limits(metric))) is not None:
            own[metric] = ends
        if len(mine) == len(theirs) and (
            ends := _interval(mine[1:] - theirs[1:], float(mine[0] - theirs[0]), drawn.units)
        ):
            gap[metric] = ends
    return own, gap


def _losses(kind: str, truth: Truth, said: Said) -> Any:
    """Return how wrong a model is, row by row."""
    import numpy as np

    labels, predicted = flat(truth.labels), flat(said.predicted)
    if kind == "classification":
        return (labels != predicted).astype(float)
    gaps = np.abs(np.asarray(labels, dtype=float) - np.asarray(predicted, dtype=float).reshape(labels.shape))
    return gaps.reshape(len(gaps), -1).mean(axis=1)


def _strata(truth: Truth) -> dict[str, Any]:
    """Return what metrics are shares of: of all rows, or of those of each class."""
    import numpy as np

    labels = flat(truth.labels)
    return {"accuracy": np.zeros(len(labels), dtype=int), "balanced_accuracy": labels}


def _told(kind: str, truth: Truth, drawn: Draw) -> float:
    """Return how many rows tell something of a model's own metrics: of two classes, those of the rarer one."""
    import numpy as np

    if kind != "classification" or not drawn.alone:
        return drawn.units
    each = np.unique(flat(truth.labels), return_counts=True)[1]
    return float(each.min()) if len(each) == 2 else drawn.units


def _interval(values: Any, seen: float, units: float, limits: Ends = (-float("inf"), float("inf"))) -> Ends | None:
    """Return what most resamples lie in, or what a t distribution makes of their spread, whichever is wider.

    The former follows a metric that is not symmetric; the latter knows that few units tell little of the spread.
    """
    import numpy as np
    from scipy.stats import t

    values = values[np.isfinite(values)]
    if units < 2 or not len(values) or not np.isfinite(seen):
        return None
    if limits[1] == 1 and units < ENOUGH and not values.std():
        return None  # the best there is, in a handful of rows: nothing is known of how far it varies
    side = (1 - SHARE) / 2
    low, high = np.quantile(values, [side, 1 - side]).tolist()
    half = float(t.ppf(1 - side, units - 1) * values.std() * np.sqrt(units / (units - 1)))
    return max(min(low, seen - half), limits[0]), min(max(high, seen + half), limits[1])


def _limits(metric: str) -> Ends:
    return (-float("inf") if metric == "r2" else 0.0, float("inf") if metric in ENDLESS else 1.0)

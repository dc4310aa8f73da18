"""Series: how well the next values of a series are told, beside saying that all goes on as it was."""

from __future__ import annotations

from typing import Any

from nb2prod.evaluate.truth import Said, Truth


def measured(truth: Truth, predicted: Any) -> dict[str, Any]:
    """Return the mean absolute scaled error: below 1 where it is better than the naive forecast was in the past.

    Source:
        Hyndman and Koehler (2006), Another look at measures of forecast accuracy.
    """
    import numpy as np

    scale = usual(truth)
    return {"mase": np.abs(np.asarray(truth.labels) - predicted).mean() / scale} if scale else {}


def usual(truth: Truth) -> float:
    """Return the mean absolute error, in the past, of saying what was a season before; 0 where there is none."""
    import numpy as np

    past = np.asarray(truth.past, dtype=float)
    steps = np.abs(past[truth.season :] - past[: -truth.season])
    return float(steps.mean()) if len(steps) else 0.0


def naive(truth: Truth) -> list[tuple[str, Said]]:
    """Return the simplest forecasts: what was a season before, where there are seasons, and the last value."""
    import numpy as np

    past, ahead = np.asarray(truth.past, dtype=float), len(truth.labels)
    found = [("last value", Said(predicted=np.full(ahead, past[-1])))]
    if 1 < truth.season <= len(past):
        repeated = np.resize(past[-truth.season :], ahead)
        found.insert(0, (f"value of {truth.season} steps before", Said(predicted=repeated)))
    return found

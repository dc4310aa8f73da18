"""Ranking: how well the rows of each query are put in order, which is measured a query at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nb2prod.evaluate.truth import Truth

TOP = 10  # rows that people look at


def measured(truth: Truth, scores: Any) -> dict[str, Any]:
    """Return the mean over queries."""
    return {name: values.mean() for name, values in each(truth, scores).items()}


def each(truth: Truth, scores: Any) -> dict[str, Any]:
    """Measure each query that has something to rank."""
    import numpy as np
    from sklearn.metrics import ndcg_score

    labels, scores = np.asarray(truth.labels, dtype=float), np.asarray(scores, dtype=float)
    parts = [place for place in queries(truth.groups) if len(place) > 1]
    return {
        "ndcg": np.array([ndcg_score([labels[p]], [scores[p]]) for p in parts]),
        f"ndcg_at_{TOP}": np.array([ndcg_score([labels[p]], [scores[p]], k=TOP) for p in parts]),
    }


def queries(groups: Any) -> Iterator[Any]:
    """Yield the places of the rows of each query."""
    import numpy as np

    found = np.unique(np.asarray(groups), return_inverse=True)[1]
    order = np.argsort(found, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(found[order])) + 1)

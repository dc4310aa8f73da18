"""Reasons: whether a model's answers can be explained, as a service will explain them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from nb2prod.serving.explain import adds_up, explainer
from nb2prod.serving.heads import Unknown
from nb2prod.serving.table import Table

ROWS = 100  # on which the parts must add up to what the model says


def reasons(model: Any, schema: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, str | None]:
    """Say how the answers to rows are explained (`explain`), or why they are not (`unexplained`)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = explainer(model, schema)
            step = max(1, len(rows) // ROWS)
            checked = Table.of(schema).check(list(rows[::step]), most=len(rows))
            right = adds_up(found, checked)
    except Unknown as unknown:
        return {"explain": None, "unexplained": f"the model is {unknown}"}
    except Exception as wrong:  # noqa: BLE001  parts of the model may be the user's: they may raise anything
        return {"explain": None, "unexplained": f"the model's parts cannot be told ({type(wrong).__name__}: {wrong})"}
    if not right:
        return {"explain": None, "unexplained": "the parts of the model's answers do not add up to them"}
    return {"explain": found.method, "unexplained": None}

"""A forecaster is asked for so many steps, or given what is known of each, and answers strictly."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.holtwinters import SimpleExpSmoothing
from statsmodels.tsa.statespace.sarimax import SARIMAX

from nb2prod.serving.content_types import ARROW, JSON
from nb2prod.serving.faults import Refused
from nb2prod.serving.kinds.forecast import Served

MONTHS = pd.date_range("2020-01-01", periods=40, freq="MS")
SERIES = pd.Series(np.arange(40.0) + np.random.default_rng(0).normal(0, 1, 40), index=MONTHS)
KNOWN = pd.DataFrame({"days": np.arange(40.0) % 3}, index=MONTHS)
DAYS = {
    "key": "days", "column": "days", "kind": "number", "dtype": "float64", "nullable": False, "categories": [],
    "category": False, "closed": False, "ordered": False, "low": 0.0, "high": 2.0, "example": 1.0,
}  # fmt: skip


def served(results: Any, fields: Any = (), request: Mapping[str, Any] | None = None) -> Served:
    schema = {"kind": "forecast", "model": "model.pkl", "library": "statsmodels", "fields": list(fields)}
    made = Served({**schema, "container": "frame", "request": request or {"horizon": 1}})
    made.load(lambda _: pickle.dumps(results))
    return made


@pytest.fixture(scope="module")
def smooth() -> Any:
    return SimpleExpSmoothing(SERIES, initialization_method="estimated").fit()


@pytest.fixture(scope="module")
def known() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an optimiser that was stopped early
        return SARIMAX(SERIES, exog=KNOWN, order=(1, 0, 0)).fit(disp=0, maxiter=5)


def ask(kind: Served, request: Any) -> Any:
    asked = kind.parse(json.dumps(request).encode(), JSON)
    return json.loads(kind.write(asked, kind.ask(asked), JSON))


def test_steps_come_in_order_with_their_times(smooth: Any) -> None:
    said = ask(served(smooth), {"horizon": 3})

    assert [one["prediction"] for one in said] == smooth.forecast(3).tolist()
    assert [one["step"] for one in said] == [1, 2, 3]
    assert said[0]["time"] == "2023-05-01T00:00:00"
    assert "low" not in said[0]  # it gives no bounds


def test_bounds_are_the_models_own(known: Any) -> None:
    kind = served(known, [DAYS], {"rows": [{"days": 1.0}]})
    said = ask(kind, {"rows": [{"days": 0.0}, {"days": 2.0}]})
    bounds = known.get_forecast(2, exog=[[0.0], [2.0]]).conf_int().to_numpy()

    assert [[one["low"], one["high"]] for one in said] == bounds.tolist()


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        ({}, "missing"),
        ({"horizon": 0}, "range"),
        ({"horizon": 1001}, "range"),
        ({"horizon": 1.5}, "type"),
        ({"horizon": True}, "type"),
        ({"horizon": "3"}, "type"),
        ({"horizon": 3, "rows": []}, "unexpected"),
    ],
)
def test_a_horizon_that_is_none_is_refused(smooth: Any, request_: Any, word: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(served(smooth), request_)

    assert (refused.value.status, refused.value.faults[0].code) == (400, word)


def test_what_is_known_of_a_step_must_be_whole(known: Any) -> None:
    kind = served(known, [DAYS], {"rows": [{"days": 1.0}]})
    for rows in ([], [{}], [{"days": None}], [{"days": 1.0, "weeks": 2}]):
        with pytest.raises(Refused) as refused:
            ask(kind, {"rows": rows})
        assert refused.value.status == 400


def test_it_is_asked_in_json_only(smooth: Any) -> None:
    with pytest.raises(Refused) as refused:
        served(smooth).parse(b"", ARROW)

    assert refused.value.status == 415

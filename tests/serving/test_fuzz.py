"""Ten thousand odd requests, none of which is the service's fault."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import shops
from shops import call

from nb2prod.serving.middleware import Middleware

X = shops.frame()
EXAMPLE = {"hours": 8.0, "visits": 9, "plan": "gold", "city": "Oslo", "note": "text", "wage": 50.0}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.sampled_from(["gold", "Oslo", 10**400]),
)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=5), scalars, max_size=2)
fields = st.sampled_from([*EXAMPLE, "rows", "", "hours "])
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
# Many are right, so that what lies behind the checks is reached as well.
rows = st.fixed_dictionaries(
    {
        "hours": numbers,
        "visits": st.integers(-(2**63), 2**63 - 1),
        "plan": st.sampled_from(["basic", "gold"]),
        "city": st.text(max_size=9),
        "note": st.text(max_size=9),
        "wage": st.none() | numbers,
    }
)
changed = st.builds(lambda row, more: {**row, **more}, rows, st.dictionaries(fields, values, min_size=1, max_size=2))
bodies = st.one_of(
    st.lists(rows, min_size=1, max_size=3).map(lambda r: {"rows": r}),
    st.lists(rows, min_size=1, max_size=3).map(lambda r: {"rows": r}),
    st.lists(rows | changed | values, max_size=3).map(lambda r: {"rows": r}),
    values,
).map(lambda body: json.dumps(body).encode())
kinds = st.sampled_from(["application/json"] * 9 + ["text/plain", "application/json; charset=latin-1", ""])


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Middleware:
    return shops.opened(tmp_path_factory.mktemp("fuzz"), shops.candidate(X, shops.model(X)))


REQUESTS, EACH = 10_000, 5


@pytest.mark.ship  # for the time it takes
@pytest.mark.timeout(900)
def test_no_request_is_the_services_fault_and_no_answer_is_half_one(door: Middleware) -> None:
    seen: Counter[int] = Counter()

    @settings(max_examples=REQUESTS // EACH, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @seed(7)
    @given(bodies, kinds, st.binary(min_size=1, max_size=4), st.floats(0, 1))
    def ask(body: bytes, kind: str, noise: bytes, share: float) -> None:
        at = int(share * len(body))
        for one in (body, body[:at], body[:at] + noise + body[at:], body[:at] + body[at + 1 :], body + noise):
            status, said, _ = call(door, "/predict", one, {"content-type": kind})
            seen[status] += 1
            assert status in {200, 400, 415, 422}
            if status == 200:
                _whole(said, json.loads(one)["rows"])
            else:
                assert said["error"]

    ask()
    assert seen.total() >= REQUESTS
    assert seen[200] > 400
    assert seen[400] > 4000


def _whole(said: Any, asked: list[dict[str, Any]]) -> None:
    """Check that each row that was answered was a good one, and that its answer is one."""
    assert len(said) == len(asked)
    for answer, row in zip(said, asked, strict=True):
        assert row.keys() == EXAMPLE.keys()
        assert type(row["visits"]) is int
        assert type(row["hours"]) in {int, float}
        assert math.isfinite(row["hours"])
        assert row["plan"] in {"basic", "gold"}
        assert answer["prediction"] in {"yes", "no"}
        assert abs(sum(answer["probabilities"].values()) - 1) < 1e-9

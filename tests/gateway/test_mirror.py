"""Answers are compared as JSON, number by number."""

from __future__ import annotations

from typing import Any

import pytest

from nb2prod.gateway.mirror import gap


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ([{"prediction": "no", "p": 0.5}], [{"prediction": "no", "p": 0.75}], 0.25),
        ([{"prediction": "no"}], [{"prediction": "yes"}], None),
        ({"a": [1, 2]}, {"a": [1, 2]}, 0.0),
        ([1], [1, 2], None),
        ({"a": 1}, {"b": 1}, None),
        (True, 1, None),
        (None, None, 0.0),
        (1, 3.5, 2.5),
        ([], [], 0.0),
    ],
)
def test_a_gap_is_the_largest_difference_of_numbers(one: Any, other: Any, found: float | None) -> None:
    assert gap(one, other) == found

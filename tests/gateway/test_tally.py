"""Counts are compared with what noise would do to them."""

from __future__ import annotations

import pytest

from nb2prod.gateway.tally import Tally, compared


def tally(good: int, bad: int, seconds: float = 0.01) -> Tally:
    made = Tally()
    for status, count in ((200, good), (500, bad)):
        for _ in range(count):
            made.add(status, seconds)
    return made


def test_it_says_how_many_and_how_fast() -> None:
    found = tally(98, 2)
    found.add(404, 0.02)

    times = {"p50_ms": 10.0, "p95_ms": 10.0, "p99_ms": 10.0}

    assert found.json() == {"requests": 101, "errors": 2, "refused": 1, "error_rate": 2 / 101, **times}


def test_a_difference_of_rates_is_newcombes() -> None:
    """56 of 70 against 48 of 80, an example of his paper: 0.0524 to 0.3339."""
    found = compared(tally(80 - 48, 48), tally(70 - 56, 56))["error_rate_difference"]

    assert found == pytest.approx([0.0524, 0.3339], abs=5e-5)


def test_one_failure_in_few_is_noise_and_many_are_not() -> None:
    assert compared(tally(990, 10), tally(20, 1))["worse"] is False
    assert compared(tally(1000, 1), tally(80, 20))["worse"] is True
    assert compared(tally(100, 0), tally(100, 0, 0.02)) == {
        "error_rate_difference": pytest.approx([-0.037, 0.037], abs=1e-3), "worse": False, "slower": 2.0,
    }  # fmt: skip


def test_nothing_is_said_of_a_side_without_requests() -> None:
    assert compared(tally(10, 0), Tally()) == {"error_rate_difference": None, "worse": False, "slower": None}

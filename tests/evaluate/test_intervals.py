"""Intervals by resampling: of the same metrics as the measured ones, and as wide as they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nb2prod.evaluate import Said, Truth, compare, guesses, measure
from nb2prod.evaluate.intervals import weighted

CHANCE = np.random.default_rng(0)
ROWS = 300
TWO = CHANCE.choice(["no", "yes"], ROWS, p=[0.8, 0.2])
THREE = CHANCE.integers(0, 3, ROWS)
NUMBERS = CHANCE.normal(5, 2, ROWS)


def classes(labels: Any, share: float) -> Said:
    """Say the right class to about a share of the rows; with two classes, ties among the probabilities are common."""
    known = np.unique(labels)
    right = (labels[:, None] == known) * share + CHANCE.random((ROWS, len(known))) * (1 - share)
    chances = right / right.sum(axis=1, keepdims=True)
    chances = np.round(chances, 2) if len(known) == 2 else chances
    return Said(predicted=known[chances.argmax(axis=1)], probabilities=chances, classes=known)


@pytest.mark.parametrize(
    ("kind", "labels", "said"),
    [
        ("classification", TWO, classes(TWO, 0.4)),
        ("classification", THREE, classes(THREE, 0.4)),
        ("classification", TWO, guesses("classification", TWO, Truth(labels=TWO))[0][1]),
        ("regression", NUMBERS, Said(predicted=NUMBERS + CHANCE.normal(0, 1, ROWS))),
        ("regression", np.stack([NUMBERS, -NUMBERS], 1), Said(predicted=np.stack([NUMBERS + 1, -NUMBERS], 1))),
    ],
)
def test_with_every_row_once_they_are_the_measured_metrics(kind: str, labels: Any, said: Said) -> None:
    # scikit-learn means the errors of several targets before it takes the root
    expected = {"mae": 0.5} if labels.ndim > 1 else measure(kind, Truth(labels=labels), said)
    found = weighted(kind, Truth(labels=labels), said, np.ones((1, ROWS)))

    assert {name: found[name][0] for name in expected} == pytest.approx(expected)


def test_an_interval_is_as_wide_as_theory_says() -> None:
    said = classes(TWO, 0.4)
    share = float(np.mean(said.predicted == TWO))
    low, high = compare("classification", Truth(labels=TWO), said, said).intervals["accuracy"]
    error = 1.96 * np.sqrt(share * (1 - share) / ROWS)

    assert (low, high) == pytest.approx((share - error, share + error), abs=0.012)


def test_a_difference_beyond_noise_is_told_from_one_within() -> None:
    mean = guesses("regression", NUMBERS, Truth(labels=NUMBERS))[0][1]
    good = Said(predicted=NUMBERS + CHANCE.normal(0, 0.5, ROWS))
    same = Said(predicted=mean.predicted + CHANCE.normal(0, 0.05, ROWS))

    assert compare("regression", Truth(labels=NUMBERS), good, mean).better_by[0] > 1
    assert not compare("regression", Truth(labels=NUMBERS), same, mean).beyond_noise


def test_the_same_rows_give_the_same_interval() -> None:
    said, other = classes(TWO, 0.4), guesses("classification", TWO, Truth(labels=TWO))[0][1]

    assert compare("classification", Truth(labels=TWO), said, other) == compare(
        "classification", Truth(labels=TWO), said, other
    )


def test_few_rows_and_one_class_do_no_harm() -> None:
    labels = np.array(["no", "no"])
    said = Said(predicted=labels, probabilities=np.full((2, 2), 0.5), classes=np.array(["no", "yes"]))

    assert compare("classification", Truth(labels=labels), said, said).intervals["accuracy"] == (1.0, 1.0)
    assert compare(
        "regression", Truth(labels=np.array([1.0])), Said(predicted=np.array([1.0])), Said(predicted=np.array([2.0]))
    )


def test_queries_are_drawn_whole() -> None:
    groups = np.repeat(np.arange(40), 5)
    labels = CHANCE.integers(0, 3, 200)
    truth = Truth(labels=labels, groups=groups)
    good, bad = Said(predicted=labels + CHANCE.normal(0, 0.3, 200)), Said(predicted=CHANCE.random(200))
    found = compare("ranking", truth, good, bad)
    low, high = found.intervals["ndcg"]

    assert low < measure("ranking", truth, good)["ndcg"] < high
    assert found.better_by[0] > 0


def test_neighbours_in_a_series_are_drawn_together() -> None:
    errors = np.repeat(CHANCE.normal(0, 1, 12), 10)  # alike for ten steps each: fewer than 120 of them tell something
    truth = Truth(labels=np.zeros(120), past=CHANCE.normal(0, 1, 50))
    blocks = compare("forecast", truth, Said(predicted=errors), Said(predicted=errors)).intervals["mae"]
    alone = compare("regression", truth, Said(predicted=errors), Said(predicted=errors)).intervals["mae"]

    assert blocks[1] - blocks[0] > 1.3 * (alone[1] - alone[0])

"""Intervals by resampling: of the same metrics as the measured ones, and as wide as they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nb2prod.evaluate import Said, compare, guess, measure
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
        ("classification", TWO, guess("classification", TWO, ROWS)[1]),
        ("regression", NUMBERS, Said(predicted=NUMBERS + CHANCE.normal(0, 1, ROWS))),
        ("regression", np.stack([NUMBERS, -NUMBERS], 1), Said(predicted=np.stack([NUMBERS + 1, -NUMBERS], 1))),
    ],
)
def test_with_every_row_once_they_are_the_measured_metrics(kind: str, labels: Any, said: Said) -> None:
    if labels.ndim > 1:  # scikit-learn means the errors of several targets before it takes the root
        expected = {"mae": 0.5}
    else:
        expected = measure(kind, labels, said.predicted, said.probabilities, said.classes)
    found = weighted(kind, labels, said, np.ones((1, ROWS)))

    assert {name: found[name][0] for name in expected} == pytest.approx(expected)


def test_an_interval_is_as_wide_as_theory_says() -> None:
    said = classes(TWO, 0.4)
    share = float(np.mean(said.predicted == TWO))
    low, high = compare("classification", TWO, said, said).intervals["accuracy"]
    error = 1.96 * np.sqrt(share * (1 - share) / ROWS)

    assert (low, high) == pytest.approx((share - error, share + error), abs=0.012)


def test_a_difference_beyond_noise_is_told_from_one_within() -> None:
    mean = guess("regression", NUMBERS, ROWS)[1]
    good = Said(predicted=NUMBERS + CHANCE.normal(0, 0.5, ROWS))
    same = Said(predicted=mean.predicted + CHANCE.normal(0, 0.05, ROWS))

    assert compare("regression", NUMBERS, good, mean).better_by[0] > 1
    assert not compare("regression", NUMBERS, same, mean).beyond_noise


def test_the_same_rows_give_the_same_interval() -> None:
    said, other = classes(TWO, 0.4), guess("classification", TWO, ROWS)[1]

    assert compare("classification", TWO, said, other) == compare("classification", TWO, said, other)


def test_few_rows_and_one_class_do_no_harm() -> None:
    labels = np.array(["no", "no"])
    said = Said(predicted=labels, probabilities=np.full((2, 2), 0.5), classes=np.array(["no", "yes"]))

    assert compare("classification", labels, said, said).intervals["accuracy"] == (1.0, 1.0)
    assert compare("regression", np.array([1.0]), Said(predicted=np.array([1.0])), Said(predicted=np.array([2.0])))

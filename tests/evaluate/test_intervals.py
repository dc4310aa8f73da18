"""Intervals by resampling: of the same metrics as the measured ones, and as wide as they should be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from nb2prod.evaluate import Said, Truth, compare, guesses, measure
from nb2prod.evaluate.shares import alone, apart
from nb2prod.evaluate.weighted import weighted

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
    expected = measure(kind, Truth(labels=labels), said)
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
    low, high = compare("classification", Truth(labels=labels), said, said).intervals["accuracy"]

    assert (low < 0.4, high) == (True, 1)

    one = compare(
        "regression", Truth(labels=np.array([1.0])), Said(predicted=np.array([1.0])), Said(predicted=np.array([2.0]))
    )

    assert (one.intervals, one.better_by) == ({}, None)


@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("count", [2, 3])
def test_two_or_three_rows_tell_no_model_from_another(kind: str, count: int) -> None:
    labels = np.array([0, 1, 0][:count])
    good, bad = Said(predicted=labels + 0.1 * np.arange(count)), Said(predicted=labels + 1 + np.arange(count))
    if kind == "classification":
        good, bad = Said(predicted=labels), Said(predicted=1 - labels)

    assert not compare(kind, Truth(labels=labels), good, bad).beyond_noise


@pytest.mark.parametrize("count", [5, 10, 40])
@pytest.mark.parametrize("share", [0.7, 0.95])
def test_shares_lie_within_their_intervals_nineteen_times_of_twenty(count: int, share: float) -> None:
    chance, within, false = np.random.default_rng(0), 0, 0
    for _ in range(400):
        mine, theirs = chance.random((2, count)) < share
        (low, high), (less, more) = alone(mine, np.zeros(count)), apart(mine, theirs, np.zeros(count))
        within += low <= share <= high
        false += less > 0 or more < 0

    assert within > 360
    assert false < 30


def test_labels_of_any_type_are_numbers_without_overflow() -> None:
    small, large = np.array([200, 3, 90, 255], dtype="uint8"), np.array([60_000, 1, 2, 5], dtype="int32")
    far = 1.7e9 + NUMBERS
    for labels in (small, large, far):
        truth, said = Truth(labels=labels), Said(predicted=labels + CHANCE.normal(0, 1, len(labels)))
        found = {
            name: value[0] for name, value in weighted("regression", truth, said, np.ones((1, len(labels)))).items()
        }

        assert found == pytest.approx(measure("regression", truth, said))


def test_the_class_that_is_looked_for_may_be_the_first_one() -> None:
    truth, said = Truth(labels=TWO, positive="no"), classes(TWO, 0.4)
    found, yes = measure("classification", truth, said), TWO == "no"

    assert found["f1"] == pytest.approx(f1_score(yes, said.predicted == "no"))
    assert found["average_precision"] == pytest.approx(average_precision_score(yes, said.probabilities[:, 0]))
    assert weighted("classification", truth, said, np.ones((1, ROWS)))["f1"][0] == pytest.approx(found["f1"])


def test_classes_that_are_new_or_never_occur_are_no_obstacle() -> None:
    labels, said = np.array(["a", "b", "new", "a"]), np.array(["a", "b", "b", "a"])
    for known in (np.array(["a", "b"]), np.array(["a", "b", "c", "d"])):
        mine = Said(predicted=said, classes=known)
        found = measure("classification", Truth(labels=labels), mine)

        assert set(compare("classification", Truth(labels=labels), mine, mine).intervals) <= set(found)
        assert weighted("classification", Truth(labels=labels), mine, np.ones((1, 4))) == pytest.approx(found)


def test_rows_of_a_group_are_drawn_together() -> None:
    groups = np.repeat(np.arange(20), 10)
    wrong = np.repeat(CHANCE.normal(0, 1, 20), 10)
    alone_, together = (
        compare("regression", Truth(labels=np.zeros(200), groups=of), Said(predicted=wrong), Said(predicted=wrong))
        for of in (None, groups)
    )
    width = [high - low for low, high in (alone_.intervals["mae"], together.intervals["mae"])]

    assert width[1] > 2 * width[0]


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

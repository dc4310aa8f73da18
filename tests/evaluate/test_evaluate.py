"""Metrics equal scikit-learn's, and the rival is the simplest model there is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from nb2prod.evaluate import measure, rival
from nb2prod.policy import Gate, Verdict, beats, same

LABELS = np.array(["no", "yes", "no", "no", "yes", "no"])
SAID = np.array(["no", "yes", "yes", "no", "no", "no"])
CHANCES = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3], [0.6, 0.4], [0.8, 0.2]])


def test_two_classes_are_measured_as_scikit_learn_does() -> None:
    found = measure("classification", LABELS, SAID, CHANCES, np.array(["no", "yes"]))

    assert found == {
        "accuracy": accuracy_score(LABELS, SAID),
        "balanced_accuracy": balanced_accuracy_score(LABELS, SAID),
        "f1": f1_score(LABELS, SAID, pos_label="yes"),
        "roc_auc": roc_auc_score(LABELS, CHANCES[:, 1]),
    }


def test_more_classes_weigh_the_same() -> None:
    labels, said = np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1])

    found = measure("classification", labels, said, np.eye(3)[said] * 0.7 + 0.1, np.arange(3))

    assert found["f1_macro"] == f1_score(labels, said, average="macro")
    assert 0.5 < found["roc_auc_ovr"] <= 1


def test_a_class_that_never_occurs_has_no_ranking() -> None:
    found = measure("classification", LABELS[[0, 2]], SAID[[0, 2]], CHANCES[[0, 2]], np.array(["no", "yes"]))

    assert "roc_auc" not in found


def test_numbers_are_measured_in_their_own_unit() -> None:
    assert measure("regression", [1.0, 2.0, 4.0], [1.0, 3.0, 4.0]) == pytest.approx(
        {"mae": 1 / 3, "rmse": 3**-0.5, "r2": 1 - 1 / (14 / 3)}
    )


def test_the_rival_says_the_most_frequent_class() -> None:
    found = rival("classification", ["no", "no", "yes"], LABELS)

    assert found.name == "most frequent class"
    assert found.metrics["accuracy"] == pytest.approx(4 / 6)
    assert found.metrics["roc_auc"] == 0.5


def test_the_rival_of_numbers_is_their_mean() -> None:
    assert rival("regression", [1.0, 3.0], [2.0, 4.0]).metrics["mae"] == 1.0


def test_a_model_worse_than_its_rival_is_a_warning() -> None:
    verdict = beats("regression", {"rmse": 3.0}, {"rmse": 2.0})

    assert verdict == Verdict(rule="beats baseline on rmse", ok=False, detail="3 > 2", severity="warning")
    assert Gate(verdicts=(verdict,)).ok


def test_a_service_that_answers_differently_stops_the_ship() -> None:
    assert not Gate(verdicts=(same(equal=False, rows=500),)).ok


def test_labels_may_be_a_frame_of_one_column() -> None:
    assert measure("classification", LABELS[:, None], SAID) == measure("classification", list(LABELS), list(SAID))
    assert rival("regression", [[1.0], [3.0]], [[2.0], [4.0]]).metrics["mae"] == 1.0

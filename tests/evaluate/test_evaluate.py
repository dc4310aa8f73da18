"""Metrics equal scikit-learn's, and the rival is the simplest model there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    ndcg_score,
    roc_auc_score,
)

from nb2prod.evaluate import Learnt, Said, Truth, guesses, measure
from nb2prod.evaluate.metrics import counts
from nb2prod.policy import Gate, Verdict, beats, same

LABELS = np.array(["no", "yes", "no", "no", "yes", "no"])
SAID = np.array(["no", "yes", "yes", "no", "no", "no"])
CHANCES = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3], [0.6, 0.4], [0.8, 0.2]])


def measured(
    kind: str, labels: Any, predicted: Any, probabilities: Any = None, classes: Any = None
) -> dict[str, float]:
    return measure(kind, Truth(labels=labels), Said(predicted=predicted, probabilities=probabilities, classes=classes))


def rival(kind: str, learnt: Any, labels: Any) -> tuple[str, dict[str, float]]:
    name, said = guesses(kind, learnt, Truth(labels=labels))[0]
    return name, measure(kind, Truth(labels=labels), said)


def test_two_classes_are_measured_as_scikit_learn_does() -> None:
    found = measured("classification", LABELS, SAID, CHANCES, np.array(["no", "yes"]))

    assert found == {
        "accuracy": accuracy_score(LABELS, SAID),
        "balanced_accuracy": balanced_accuracy_score(LABELS, SAID),
        "f1": f1_score(LABELS, SAID, pos_label="yes"),
        "roc_auc": roc_auc_score(LABELS, CHANCES[:, 1]),
        "average_precision": average_precision_score(LABELS, CHANCES[:, 1], pos_label="yes"),
        "log_loss": log_loss(LABELS, CHANCES),
    }


def test_more_classes_weigh_the_same() -> None:
    labels, said = np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1])

    found = measured("classification", labels, said, np.eye(3)[said] * 0.7 + 0.1, np.arange(3))

    assert found["f1_macro"] == f1_score(labels, said, average="macro")
    assert 0.5 < found["roc_auc_ovr"] <= 1


def test_a_class_that_never_occurs_has_no_ranking() -> None:
    found = measured("classification", LABELS[[0, 2]], SAID[[0, 2]], CHANCES[[0, 2]], np.array(["no", "yes"]))

    assert "roc_auc" not in found


def test_numbers_are_measured_in_their_own_unit() -> None:
    assert measured("regression", [1.0, 2.0, 4.0], [1.0, 3.0, 4.0]) == pytest.approx(
        {"mae": 1 / 3, "rmse": 3**-0.5, "r2": 1 - 1 / (14 / 3), "mape": 1 / 6}
    )


def test_the_rival_says_the_most_frequent_class() -> None:
    name, metrics = rival("classification", ["no", "no", "yes"], LABELS)

    assert name == "most frequent class"
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["roc_auc"] == 0.5


def test_the_rival_of_numbers_is_their_mean() -> None:
    assert rival("regression", [1.0, 3.0], [2.0, 4.0])[1]["mae"] == 1.0


def test_a_model_worse_than_its_rival_is_a_warning() -> None:
    verdict = beats("regression", {"rmse": 3.0}, {"rmse": 2.0})

    assert verdict == Verdict(rule="beats baseline on rmse", ok=False, detail="3 > 2", severity="warning")
    assert Gate(verdicts=(verdict,)).ok


def test_a_service_that_answers_differently_stops_the_ship() -> None:
    assert not Gate(verdicts=(same("classification", equal=False, rows=500),)).ok


def test_labels_may_be_a_frame_of_one_column() -> None:
    assert measured("classification", LABELS[:, None], SAID) == measured("classification", list(LABELS), list(SAID))
    assert rival("regression", [[1.0], [3.0]], [[2.0], [4.0]])[1]["mae"] == 1.0


def test_shares_are_measured_of_what_has_some() -> None:
    assert "mape" not in measured("regression", [0.0, 2.0], [1.0, 2.0])


def test_where_one_class_is_rare_the_classes_weigh_the_same() -> None:
    rare = np.array(["no"] * 95 + ["yes"] * 5)

    assert counts("classification", LABELS) == ("accuracy", True)
    assert counts("classification", rare) == ("balanced_accuracy", True)


SEASONS = Truth(labels=[3.0, 9.0, 4.0], past=[1.0, 5.0, 2.0, 6.0, 3.0, 8.0], season=2)


def test_a_forecast_is_measured_beside_what_was_a_season_before() -> None:
    found = measure("forecast", SEASONS, Said(predicted=np.array([3.0, 9.0, 5.0])))

    assert found["mae"] == pytest.approx(1 / 3)
    assert found["mase"] == pytest.approx((1 / 3) / ((1 + 1 + 1 + 2) / 4))


def test_the_rivals_of_a_forecast_say_that_all_goes_on() -> None:
    found = {name: said.predicted.tolist() for name, said in guesses("forecast", None, SEASONS)}

    assert found == {"value of 2 steps before": [3.0, 8.0, 3.0], "last value": [8.0, 8.0, 8.0]}


QUERIES = Truth(labels=[0, 1, 2, 2, 0, 1, 1], groups=["a", "a", "a", "b", "b", "b", "c"])
SCORES = np.array([0.1, 0.5, 0.4, 0.2, 0.9, 0.3, 0.7])


def test_rankings_are_measured_query_by_query_where_there_is_something_to_rank() -> None:
    found = measure("ranking", QUERIES, Said(predicted=SCORES))

    assert found["ndcg"] == np.mean([ndcg_score([[0, 1, 2]], [SCORES[:3]]), ndcg_score([[2, 0, 1]], [SCORES[3:6]])])


def test_the_rival_of_a_ranking_is_the_one_column_that_ranks_best() -> None:
    rows = pd.DataFrame({"price": [3, 2, 1, 1, 3, 2, 2], "noise": [1, 1, 2, 1, 2, 2, 1], "name": list("abcdefg")})
    (name, said), (other, _) = guesses("ranking", Learnt(rows=rows, truth=QUERIES), QUERIES, rows)

    assert (name, other) == ("order by 'price', lowest first", "order in which they came")
    assert measure("ranking", QUERIES, said)["ndcg"] == 1.0

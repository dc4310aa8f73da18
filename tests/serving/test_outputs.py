"""What a network's last layer says is told by its values, and read as classes with their chances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nb2prod.serving.models import outputs

LOGITS = np.array([[2.0, -1.0, 0.0], [-3.0, 4.0, 1.0], [0.5, 0.4, 0.6]], dtype="float32")
CHANCES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("raw", "classes", "expected"),
    [
        (LOGITS, 3, "logits"),
        (CHANCES, 3, "probabilities"),
        (np.log(CHANCES), 3, "log_probabilities"),
        (LOGITS[:, :1], 2, "logits"),
        (CHANCES[:, 0], 2, "probabilities"),
        (LOGITS, 5, "numbers"),
    ],
)
def test_a_layer_is_read_by_its_values(raw: Any, classes: int, expected: str) -> None:
    assert outputs.reading(raw, classes=classes) == expected


@pytest.mark.parametrize(
    ("raw", "reading"), [(LOGITS, "logits"), (CHANCES, "probabilities"), (np.log(CHANCES), "log_probabilities")]
)
def test_the_same_chances_come_of_all_of_them(raw: Any, reading: str) -> None:
    how = {"reading": reading, "classes": ["a", "b", "c"]}

    assert outputs.chances(raw, how) == pytest.approx(CHANCES, rel=1e-5)
    assert outputs.told(raw, how).tolist() == ["a", "b", "c"]


def test_one_number_is_the_chance_of_the_second_class() -> None:
    raw = np.array([[0.0], [1000.0], [-1000.0], [0.1]])
    how = {"reading": "logits", "classes": [0, 1]}

    assert outputs.chances(raw, how)[:, 1] == pytest.approx([0.5, 1.0, 0.0, 1 / (1 + np.exp(-0.1))])
    assert outputs.told(raw, how).tolist() == [0, 1, 0, 1]


def test_numbers_are_answered_as_they_are() -> None:
    column = np.array([[1.5], [2.5]])

    assert outputs.told(column, {"reading": "numbers", "flat": True}).tolist() == [1.5, 2.5]
    assert outputs.told(column, {"reading": "numbers", "flat": False}).tolist() == [[1.5], [2.5]]

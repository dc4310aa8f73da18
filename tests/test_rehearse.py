"""Equal means equal, value for value."""

from __future__ import annotations

from typing import Any

import pytest

from nb2prod.pack import Held
from nb2prod.rehearse import differences, same

HELD = Held(
    rows=({"x": 1}, {"x": 2}),
    predictions=("no", "yes"),
    probabilities=({"no": 0.9, "yes": 0.1}, {"no": 0.2, "yes": 0.8}),
)


def answers(*pairs: tuple[Any, float]) -> list[dict[str, Any]]:
    return [{"prediction": said, "probabilities": {"no": 1 - yes, "yes": yes}} for said, yes in pairs]


def test_equal_answers_have_no_differences() -> None:
    assert not list(differences(HELD, 0, answers(("no", 0.1), ("yes", 0.8))))


def test_another_class_is_a_difference() -> None:
    assert list(differences(HELD, 0, answers(("no", 0.1), ("no", 0.8)))) == [
        "row 2: the notebook says 'yes', the service 'no'"
    ]


def test_a_probability_that_is_a_little_off_is_a_difference() -> None:
    found = list(differences(HELD, 0, answers(("no", 0.1 + 1e-8), ("yes", 0.8 + 1e-10))))

    assert len(found) == 1
    assert found[0].startswith("row 1: the notebook's probabilities are")


def test_missing_probabilities_are_a_difference() -> None:
    assert len(list(differences(HELD, 0, [{"prediction": "no"}, {"prediction": "yes"}]))) == 2


def test_rows_are_counted_from_the_batchs_start() -> None:
    assert next(differences(HELD, 1, answers(("no", 0.8)))).startswith("row 2")


@pytest.mark.parametrize(
    ("expected", "said", "equal"),
    [
        (1, 1, True),
        (1, True, False),
        (0.1, 0.1, True),
        (0.1, 0.1 + 1e-15, True),
        (0.1, 0.1 + 1e-9, False),
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 2.0], [1.0], False),
        ("1", 1, False),
        (1.0, True, False),
        (3.0, 3, True),
    ],
)
def test_classes_are_compared_exactly_and_numbers_very_closely(expected: Any, said: Any, equal: bool) -> None:
    assert same(expected, said) is equal

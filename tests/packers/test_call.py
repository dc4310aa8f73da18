"""Equal means equal, value for value."""

from __future__ import annotations

from typing import Any

import pytest

from nb2prod.packers.call import Call, differences, same

HELD = Call(
    request={"rows": [{"x": 1}, {"x": 2}]},
    answer=[
        {"prediction": "no", "probabilities": {"no": 0.9, "yes": 0.1}},
        {"prediction": "yes", "probabilities": {"no": 0.2, "yes": 0.8}},
    ],
)


def answers(*pairs: tuple[Any, float]) -> list[dict[str, Any]]:
    return [{"prediction": said, "probabilities": {"no": 1 - yes, "yes": yes}} for said, yes in pairs]


def test_equal_answers_have_no_differences() -> None:
    assert not list(differences(HELD, answers(("no", 0.1), ("yes", 0.8))))


def test_another_class_is_a_difference() -> None:
    assert list(differences(HELD, answers(("no", 0.1), ("no", 0.8)))) == [
        "row 2: the notebook says 'yes', the service 'no'"
    ]


def test_a_probability_that_is_a_little_off_is_a_difference() -> None:
    found = list(differences(HELD, answers(("no", 0.1 + 1e-8), ("yes", 0.8 + 1e-10))))

    assert len(found) == 1
    assert "as probabilities" in found[0]


def test_missing_probabilities_are_a_difference() -> None:
    assert len(list(differences(HELD, [{"prediction": "no"}, {"prediction": "yes"}]))) == 2


def test_what_is_odd_about_a_row_may_be_said_beside() -> None:
    said = [{**one, "warnings": []} for one in answers(("no", 0.1), ("yes", 0.8))]

    assert not list(differences(HELD, said))


@pytest.mark.parametrize("said", [None, [], {"error": "no"}, [{"prediction": "no"}]])
def test_another_number_of_answers_is_a_difference(said: Any) -> None:
    assert len(list(differences(HELD, said))) == 1


def test_an_answer_that_is_one_object_is_compared_whole() -> None:
    call = Call(request={"text": "ab"}, answer={"length": 2})

    assert not list(differences(call, {"length": 2, "seconds": 0.1}))
    assert list(differences(call, {"length": 3})) == ["the notebook says {'length': 2}, the service {'length': 3}"]


def test_rows_are_counted_from_the_batchs_start() -> None:
    later = Call(request={}, answer=HELD.answer, first=100)

    assert next(differences(later, answers(("no", 0.1), ("no", 0.8)))).startswith("row 102")


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

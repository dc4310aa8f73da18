"""The combinations of a sweep, and which is best."""

from __future__ import annotations

import pytest
from books import parsed

from nb2prod import grid, pipeline
from nb2prod.errors.base import SettingWrong
from nb2prod.grid import Combination


def test_the_product_is_taken_in_the_order_of_the_axes() -> None:
    found = grid.combinations(["alpha=0.1,0.5", "kind=a,True"])

    assert found == [
        {"alpha": 0.1, "kind": "a"},
        {"alpha": 0.1, "kind": True},
        {"alpha": 0.5, "kind": "a"},
        {"alpha": 0.5, "kind": True},
    ]


def test_values_with_commas_come_as_a_json_list() -> None:
    assert grid.combinations(['names=["a,b", "c"]']) == [{"names": "a,b"}, {"names": "c"}]


@pytest.mark.parametrize("axes", [["alpha"], ["alpha="], ["=1"], ["a b=1"], ["alpha=1", "alpha=2"]])
def test_an_axis_that_means_nothing_is_refused(axes: list[str]) -> None:
    with pytest.raises(SettingWrong, match="NB121"):
        grid.combinations(axes)


def test_names_of_measures_are_picked_up() -> None:
    line = pipeline.build(
        parsed(
            ("error_bound = 1", {"tags": ["parameters"]}),
            "%%stage train\nmodel = fit()\ntest_accuracy = 1.0",
            "%%stage evaluate\nlifted = 2.0",
        )
    )

    assert grid.measures(line, None) == {"test_accuracy", "lifted"}
    assert grid.measures(line, "max:model") == {"test_accuracy", "lifted", "model"}


@pytest.mark.parametrize(
    ("by", "winner"),
    [("accuracy", 1), ("min:accuracy", 0), ("rmse", 0), ("max:rmse", 1), (None, 1), ("nothing", None)],
)
def test_the_best_is_least_of_errors_and_most_of_all_else(by: str | None, winner: int | None) -> None:
    found = [
        Combination(parameters={"n": n}, run="", metrics=metrics)
        for n, metrics in enumerate([{"accuracy": 0.5, "rmse": 1.0}, {"accuracy": 0.9, "rmse": 2.0}, {}])
    ]

    assert grid.best(found, None, by)[1] == winner


def test_what_kale_prints_as_metrics_is_a_measure() -> None:
    line = pipeline.build(
        parsed(("good, other = 1, 2", {"tags": ["step:a"]}), ("print(good)", {"tags": ["pipeline-metrics"]}))
    )

    assert grid.measures(line, None) == {"good"}

"""What a request may hold, learnt from frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

from nb2prod.candidates.candidate import Candidate, Rows
from nb2prod.errors.models import ColumnUnclear
from nb2prod.packers.fields import Field, encoded, frame_of, learn, records
from nb2prod.serving.tensors import Tensors


class Echo:
    """A model that any rows fit."""

    def predict(self, x: Any) -> Any:
        return np.zeros(len(x))


def candidate(train: Any, held: Any = None, model: Any = None) -> Candidate:
    held = train if held is None else held
    return Candidate(
        name="m",
        cell=0,
        kind="regression",
        model=model or Echo(),
        train=Rows(x=train, y=np.zeros(len(train))),
        held=Rows(x=held, y=np.zeros(len(held))),
    )


def one(column: Any, held: Any = None) -> Field:
    frames = [pd.DataFrame({"c": c}) for c in (column, column if held is None else held)]
    return learn(candidate(*frames)).fields[0]


def test_whole_numbers_have_an_example_between_the_least_and_the_greatest() -> None:
    found = one([1, 2, 2, 9])

    assert found == Field(column="c", kind="integer", dtype="int64", low=1, high=9, example=2)


def test_a_field_may_be_null_when_a_row_was() -> None:
    assert not one([1.0, 2.0]).nullable
    assert one([1.0, None]).nullable
    assert one([1.0, 2.0], held=[1.0, None]).nullable


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pd.array([1, None], dtype="Int64"), "integer"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
        (np.array([1.5], dtype="float32"), "number"),
        (pd.to_datetime(["2026-01-01"]), "time"),
        (["a", None, "b"], "text"),
        (pd.Series(["a", None], dtype=object), "text"),
    ],
)
def test_every_plain_type_is_known(column: Any, kind: str) -> None:
    assert one(column).kind == kind


def test_few_texts_are_categories_and_many_are_not() -> None:
    assert one(["b", "a", "b"]).categories == ("a", "b")
    assert one([f"name {n}" for n in range(200)]).categories == ()


def test_a_free_text_has_nobodys_example() -> None:
    assert one([f"name {n}" for n in range(200)]).example == "text"


def test_a_categorical_column_is_closed() -> None:
    found = one(pd.Categorical(["lo", "hi", "lo"], categories=["lo", "hi", "max"], ordered=True))

    assert (found.closed, found.ordered, found.categories, found.example) == (True, True, ("lo", "hi", "max"), "lo")


def test_a_column_is_closed_where_the_model_fails_on_a_new_category() -> None:
    frame = pd.DataFrame({"city": ["a", "b"] * 4, "plan": ["x", "y"] * 4, "note": ["poor", "good"] * 4})
    columns = make_column_transformer(
        (OneHotEncoder(), ["city"]), (OneHotEncoder(handle_unknown="ignore"), ["plan"]), (CountVectorizer(), "note")
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, [0, 1] * 4)

    found = learn(candidate(frame, model=model)).fields

    assert encoded(model, frame.columns) == {"city": True, "plan": False}
    assert [f.closed for f in found] == [True, False, False]
    assert [f.category for f in found] == [True, True, False]


@pytest.mark.parametrize("chosen", [["city"], [0], slice(0, 1), [True, False], np.array([True, False]), np.array([0])])
def test_columns_may_be_chosen_in_every_way_scikit_learn_knows(chosen: Any) -> None:
    frame = pd.DataFrame({"city": ["a", "b"] * 4, "size": [1.0, 2.0] * 4})
    model = make_column_transformer((OneHotEncoder(), chosen), remainder="passthrough").fit(frame)

    assert encoded(model, frame.columns) == {"city": True}


def test_an_encoder_of_everything_closes_every_column() -> None:
    frame = pd.DataFrame({"city": ["a", "b"] * 4})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, [0, 1] * 4)

    assert encoded(model, frame.columns) == {"city": True}


@pytest.mark.parametrize("column", [[[1], [2]], [1, "a"], [None, None], [1j, 2j]])
def test_what_json_cannot_say_is_refused_by_name(column: Any) -> None:
    with pytest.raises(ColumnUnclear, match="NB405: A service cannot ask for 'c'"):
        one(pd.Series(column, dtype=complex if column == [1j, 2j] else object))


@pytest.mark.parametrize(
    "column", [[np.nan, np.nan], [np.inf, -np.inf], pd.Categorical([None, None], categories=["a"])]
)
def test_a_column_without_a_value_is_refused(column: Any) -> None:
    with pytest.raises(ColumnUnclear, match="every value of it is missing"):
        one(column)


def test_infinities_are_no_bounds() -> None:
    assert (one([1.0, np.inf, 3.0]).low, one([1.0, np.inf, 3.0]).high) == (1.0, 3.0)


def test_rows_are_written_as_a_client_would() -> None:
    frame = pd.DataFrame(
        {
            "n": np.array([1, 2], dtype="int8"),
            "x": [0.5, np.nan],
            "t": pd.to_datetime(["2026-01-01 12:00", None]),
            "s": ["a", None],
            "b": [True, False],
            "i": pd.array([3, None], dtype="Int64"),
        }
    )
    found = candidate(frame)

    assert records(frame, learn(found), found.model) == [
        {"n": 1, "x": 0.5, "t": "2026-01-01T12:00:00", "s": "a", "b": True, "i": 3},
        {"n": 2, "x": None, "t": None, "s": None, "b": False, "i": None},
    ]


def test_an_array_has_numbered_fields() -> None:
    found = learn(candidate(np.arange(6.0).reshape(3, 2)))

    assert (found.container, [f.key for f in found.fields]) == ("array", ["x0", "x1"])


def test_texts_alone_are_one_field() -> None:
    found = learn(candidate(pd.Series(["good", "bad"], name="review")))

    assert (found.container, [f.key for f in found.fields]) == ("series", ["review"])


def test_whole_numbers_that_an_encoder_knows_are_categories() -> None:
    frame = pd.DataFrame({"code": [1, 2] * 4})
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(frame, [0, 1] * 4)
    found = learn(candidate(frame, model=model)).fields[0]

    assert (found.categories, found.category, found.closed, found.low) == ((1, 2), True, False, None)


def test_bins_are_no_categories() -> None:
    frame = pd.DataFrame({"km": np.arange(30)})
    model = make_pipeline(KBinsDiscretizer(3, quantile_method="linear"), LogisticRegression()).fit(frame, [0, 1] * 15)

    assert (encoded(model, frame.columns), learn(candidate(frame, model=model)).fields[0].closed) == ({}, False)


def test_inputs_that_are_no_table_have_a_shape() -> None:
    images = np.linspace(0, 1, 4 * 6, dtype="float32").reshape(4, 2, 3)
    table = learn(candidate(Tensors({"image": images, "camera": np.array([1, 2, 2, 3])})))
    image, camera = table.fields

    assert (table.container, image.kind, image.shape, image.dtype) == ("tensors", "array", (2, 3), "float32")
    assert (image.low, image.high, np.shape(image.example)) == (0.0, 1.0, (2, 3))
    assert (camera.kind, camera.low, camera.high) == ("integer", 1, 3)
    assert records(Tensors({"image": images[:1], "camera": np.array([7])}), table, None)[0]["camera"] == 7


def test_an_input_with_gaps_or_without_end_is_refused() -> None:
    with pytest.raises(ColumnUnclear, match="missing or infinite"):
        learn(candidate(Tensors({"image": np.full((2, 2, 2), np.nan)})))
    with pytest.raises(ColumnUnclear, match="200,704 values"):
        learn(candidate(Tensors({"image": np.zeros((2, 448, 448), dtype="uint8")})))


def test_a_sparse_matrix_is_refused_by_that_name() -> None:
    with pytest.raises(ColumnUnclear, match="sparse matrix"):
        frame_of(csr_matrix(np.eye(3)), Echo())


def test_the_example_of_a_category_of_numbers_is_a_plain_number() -> None:
    (field,) = learn(candidate(pd.DataFrame({"floor": pd.Categorical([1, 2, 2])}))).fields

    assert (type(field.example), field.example) == (int, 2)

"""What a function takes is learnt from its annotations, and from the calls that a notebook makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import numpy as np
import pandas as pd
import pytest
from books import parsed
from pydantic import BaseModel, Field

from nb2prod import pipeline
from nb2prod.candidates import functions
from nb2prod.candidates.functions import Function
from nb2prod.errors.products import FunctionUnclear
from nb2prod.packers.function import Taken, learn


def place(*cells: str) -> functions.Place | None:
    return functions.place_of(pipeline.build(parsed(*cells)))


def taken(call: Any, *examples: Mapping[str, Any]) -> Taken:
    return learn(Function(cell=0, call=call, examples=examples))


def test_only_a_stage_named_serve_is_looked_at() -> None:
    assert place("%%stage helpers\ndef predict(x): return x") is None
    assert place("%%stage serve\nx = 1") is None
    assert place("%%stage serve\nx = 1", "def predict(x): return x").cell == 1
    assert place("%%stage serve\ndef classify(x): return x\nclassify(1)").name == "classify"
    assert place("%%stage serve\ndef one(x): return x\ndef other(x): return x") is None
    assert place("%%stage answers --role serve\ndef predict(x): return x") is not None


def test_calls_are_found_wherever_the_notebook_makes_them_for_itself() -> None:
    found = place(
        "%%stage serve\ndef predict(x, y=1):\n    return predict(x)\nprint(predict(a['x'], y=b))",
        "%%stage try\nfor one in rows: predict(one)\nassert predict(*c) or predict(**d)",
    )

    assert [(call.positional, call.named) for call in found.calls] == [
        (("a['x']",), (("y", "b"),)),
        ((), ((None, "d"),)),
    ]
    assert found.names == {"predict", "example", "examples", "a", "b", "d"}


def test_a_call_is_made_again_from_the_notebooks_values() -> None:
    def predict(x: int, /, y: int = 1) -> int:
        return x + y

    there = place("%%stage serve\ndef predict(x, /, y=1): ...\npredict(rows[0], y=2)\npredict(gone)\npredict(1, 2, 3)")

    assert functions.found(there, {"predict": predict, "rows": [5]}).examples == ({"x": 5, "y": 2},)
    assert functions.found(there, {"predict": 3}) is None


@pytest.mark.parametrize(
    ("shown", "examples"),
    [
        ({"example": {"x": 1}}, [{"x": 1}]),
        ({"example": 3}, [{"x": 3}]),
        ({"examples": [{"x": 1}, {"x": 2, "y": 3}]}, [{"x": 1}, {"x": 2, "y": 3}]),
        ({"example": {"age": 3}}, [{"x": {"age": 3}}]),
    ],
)
def test_where_no_call_shows_it_an_example_does(shown: dict[str, Any], examples: list[Any]) -> None:
    def predict(x: Any, y: int = 1) -> Any:
        return x

    there = place("%%stage serve\ndef predict(x, y=1): ...")

    assert list(functions.found(there, {"predict": predict, **shown}).examples) == examples


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Person(TypedDict):
    name: str
    age: NotRequired[int]


@dataclass
class Box:
    width: float
    tags: list[str]


class Order(BaseModel):
    amount: Annotated[int, Field(ge=1, le=9)]


def test_annotations_say_what_a_row_is() -> None:
    def predict(person: Person, box: Box, order: Order, size: Size, day: date, kind: Literal["a", "b"] = "a") -> str:
        return f"{person['name']} {box.width} {order.amount} {size.name} {day:%Y} {kind}"

    found = taken(predict)

    assert found.rows[0] == {
        "person": {"name": "text"},
        "box": {"width": 1, "tags": ["text"]},
        "order": {"amount": 1},
        "size": "small",
        "day": "2026-01-31",
    }
    assert found.answers == ("text 1.0 1 SMALL 2026 a",)
    assert found.about["required"] == ["person", "box", "order", "size", "day"]


def test_where_nothing_is_annotated_calls_say_it() -> None:
    predict = eval("lambda age, plan, flags=None, limit=5: age * limit")

    found = taken(
        predict, {"age": 3, "plan": {"name": "x", "price": 2}}, {"age": 4, "plan": {"name": "y", "price": 2.5}}
    )
    plan = found.about["$defs"]["Fields"] if "$defs" in found.about else found.about["properties"]["plan"]

    assert found.about["properties"]["age"] == {"title": "Age", "type": "integer"}
    assert plan["properties"]["price"]["type"] == "number"
    assert plan["required"] == ["name", "price"]
    assert found.about["properties"]["limit"]["type"] == "integer"
    assert found.answers == (15, 20)


def test_a_row_is_the_object_that_a_function_of_one_takes() -> None:
    found = taken(lambda row: row["age"] + 1, {"row": {"age": 3, "note": None}})

    assert found.rows == ({"age": 3, "note": None},)
    assert [field["key"] for field in found.fields] == ["age", "note"]
    assert found.faulty[0].word == "age"


def test_a_text_alone_is_a_field() -> None:
    def predict(text: str) -> int:
        return len(text)

    found = taken(predict)

    assert found.rows == ({"text": "text"},)
    assert found.fields[0] | {"key": "text", "kind": "text", "required": True} == found.fields[0]


def test_arrays_become_arrays() -> None:
    found = taken(lambda x: x.sum(), {"x": np.array([[1.0, 2.0]])})

    assert found.rows == ({"x": [[1.0, 2.0]]},)
    assert found.answers == (3.0,)
    assert taken(lambda x: len(x), {"x": [1, 2]}).answers == (2,)


def test_a_frame_is_all_rows_at_once() -> None:
    frame = pd.DataFrame({"age": [3, 4], "plan": ["x", "y"], "at": pd.to_datetime(["2026-01-01", "2026-02-01"])})
    found = taken(lambda rows, factor=2: rows["age"] * factor, {"rows": frame})

    assert found.schema["frame"]
    assert found.rows[0] == {"age": 3, "plan": "x", "at": "2026-01-01T00:00:00"}
    assert found.answers == (6, 8)


def test_a_form_begins_with_what_a_parameter_is_where_it_is_left_out() -> None:
    def predict(
        amount: float, currency: Literal["EUR", "USD"] = "EUR", days: int = True, note: str | None = None
    ) -> float:
        return amount

    found = {field["key"]: field["example"] for field in taken(predict).fields}

    # True is no whole number that could be sent, so that none of them stands there.
    assert found == {"amount": 1, "currency": None, "days": None, "note": None}

    def better(amount: float, currency: Literal["EUR", "USD"] = "EUR", days: int = 3) -> float:
        return amount

    assert [field["example"] for field in taken(better).fields] == [1, "EUR", 3]


def framed(rows: pd.DataFrame) -> int:
    return 1


def broken(x: int) -> int:
    raise KeyError(x)


@pytest.mark.parametrize(
    ("call", "examples", "reason"),
    [
        (lambda: 1, [], "no parameters"),
        (lambda x: 1, [], "nothing says what 'x' may be"),
        (framed, [], "no call shows its columns"),
        (framed, [{"rows": pd.DataFrame({"a": [1, 2]})}], "not one value for each of 2 rows"),
        (broken, [], "it raises KeyError"),
        (lambda x: float("nan"), [{"x": 1}], "not a finite number"),
        (lambda x: object(), [{"x": 1}], "no JSON"),
    ],
)
def test_what_cannot_be_told_is_refused(call: Any, examples: list[Any], reason: str) -> None:
    with pytest.raises(FunctionUnclear, match=reason):
        taken(call, *examples)

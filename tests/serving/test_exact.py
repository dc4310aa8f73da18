"""What a function takes is read exactly, and what is wrong is told once by its place in the request."""

from __future__ import annotations

import enum
import json
import math
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from nb2prod.serving.faults import Refused
from nb2prod.serving.signature import Signature
from nb2prod.serving.table import read


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


def signed(kind: Any) -> Signature:
    def predict(x: Any) -> Any:
        return x

    predict.__annotations__["x"] = kind
    parameter = {"name": "x", "required": True, "positional": False, "learnt": None, "whole": False}
    return Signature.of(predict, [parameter])


def taken(kind: Any, text: str) -> Any:
    """What a function gets of JSON."""
    return signed(kind).check([read(b'{"x": %s}' % text.encode())])[0]["x"]


def told(kind: Any, text: str) -> list[tuple[str | None, str, str]]:
    with pytest.raises(Refused) as refused:
        taken(kind, text)
    return [(fault.field, fault.code, fault.message) for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (datetime, '"2026-01-31T08:00:00"', datetime(2026, 1, 31, 8)),
        (datetime | None, "null", None),
        (list[datetime], '["2026-01-31T08:00"]', [datetime(2026, 1, 31, 8)]),
        (Decimal, '"1.10"', Decimal("1.10")),
        (Decimal, "1.1", Decimal("1.1")),
        (Annotated[Decimal, Field(ge=0)], "2", Decimal(2)),
        (Literal["a", 1], "1", 1),
        (Literal["a", 1], '"a"', "a"),
        (Size, "2", Size.LARGE),
    ],
)
def test_what_is_said_plainly_is_taken(kind: Any, text: str, value: Any) -> None:
    assert value == taken(kind, text)


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        (datetime, '"1"', "type"),  # not a second after 1970 began
        (datetime, '"1700000000.5"', "type"),
        (datetime, "1700000000", "type"),
        (datetime, '"2026-02-30T08:00:00"', "type"),
        (datetime, '"2026-01-31"', "type"),
        (list[datetime] | None, '["1"]', "type"),
        (Decimal, '"\\uff11"', "type"),  # a digit, but not one of JSON's
        (Decimal, '"abc"', "type"),
        (Decimal, "true", "type"),
        (Annotated[Decimal, Field(ge=0)], "-1", "value"),
        (Literal["a", 1], "true", "category"),
        (Literal["a", 1], "1.0", "category"),
        (Size, "true", "category"),
        (Size, "1.0", "category"),
        (Size, "3", "category"),
    ],
)
def test_what_could_be_taken_for_something_else_is_refused(kind: Any, text: str, code: str) -> None:
    assert [code] == [one[1] for one in told(kind, text)]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
@pytest.mark.parametrize("kind", [Any, dict[str, Any], list[float], dict[str, float] | None])
def test_a_number_without_end_is_refused_wherever_it_stands(kind: Any, number: str) -> None:
    inside = {Any: '{"a": [%s]}', dict[str, Any]: '{"a": [%s]}', list[float]: "[%s]"}.get(kind, '{"a": %s}')
    place = {Any: "x.a.0", dict[str, Any]: "x.a.0", list[float]: "x.0"}.get(kind, "x.a")

    assert [(place, "not_finite", "must be a finite number")] == told(kind, inside % number)


def test_what_may_be_of_several_types_says_so_once() -> None:
    assert told(int | str, "[1]") == [("x", "type", "must be a valid integer or a valid string")]
    assert told(dict[str, int | str], '{"b": 1.5}') == [("x.b", "type", "must be a valid integer or a valid string")]


def test_fields_are_told_as_those_of_a_table_are() -> None:
    signature = signed(int)
    with pytest.raises(Refused) as refused:
        signature.check([{}, {"x": 1, "y" * 500: math.pi}])

    assert json.loads(json.dumps(refused.value.json()["detail"])) == [
        {"loc": ["rows", 0, "x"], "msg": "is missing", "type": "missing", "row": 0, "field": "x"},
        {"loc": ["rows", 1, "y" * 77 + "..."], "msg": "is unknown here", "type": "unexpected", "row": 1,
         "field": "y" * 77 + "..."},
    ]  # fmt: skip

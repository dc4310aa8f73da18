"""Inputs that are no table are checked by shape, type and bounds, and become arrays by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nb2prod.openapi.service import row
from nb2prod.serving.faults import Refused
from nb2prod.serving.frame import framed
from nb2prod.serving.table import Table
from nb2prod.serving.tensors import Tensors

PLAIN = {"nullable": False, "categories": (), "category": False, "closed": False, "ordered": False}
IMAGE = {**PLAIN, "key": "image", "column": "image", "kind": "array", "dtype": "float32", "shape": (2, 2)}
WORDS = {**PLAIN, "key": "words", "column": "words", "kind": "array", "dtype": "int64", "shape": (3,)}
SCHEMA: dict[str, Any] = {
    "container": "tensors",
    "fields": [
        IMAGE | {"low": 0.0, "high": 1.0, "example": [[0.5, 0.5], [0.5, 0.5]]},
        WORDS | {"low": 0.0, "high": 9.0, "example": [1, 1, 1]},
    ],
    "policy": {"unknown": "warn", "ranges": "pass"},
}
GOOD = {"image": [[0, 1], [0.5, 0.25]], "words": [1, 2, 3]}


def test_rows_become_arrays_of_the_types_that_were_learnt() -> None:
    rows = Table.of(SCHEMA).check([GOOD, GOOD], most=2)
    made = framed(rows, SCHEMA)

    assert isinstance(made, Tensors)
    assert {name: (part.shape, str(part.dtype)) for name, part in made.parts.items()} == {
        "image": ((2, 2, 2), "float32"),
        "words": ((2, 3), "int64"),
    }
    assert len(made[:1]) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", [[0, 1]]),
        ("image", [[0, 1], [0]]),
        ("image", [0, 1, 0, 1]),
        ("image", [[[0, 1], [0, 1]]]),
        ("image", [[0, True], [0, 1]]),
        ("image", [[0, "1"], [0, 1]]),
        ("image", [[0, None], [0, 1]]),
        ("image", [[0, float("inf")], [0, 1]]),
        ("image", [[0, 1e39], [0, 1]]),
        ("image", []),
        ("image", 1),
        ("image", None),
        ("words", [1, 2, 2.5]),
        ("words", [1, 2, 2**63]),
        ("words", [1, 2, 10**400]),
    ],
)
def test_another_shape_or_type_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        Table.of(SCHEMA).check([GOOD, {**GOOD, field: value}], most=2)

    assert [(fault.row, fault.field) for fault in refused.value.faults] == [(1, field)]


def test_bounds_that_were_seen_hold_where_the_policy_says_so() -> None:
    strict = SCHEMA | {"policy": {"unknown": "warn", "ranges": "refuse"}}
    with pytest.raises(Refused, match="1 fault") as refused:
        Table.of(strict).check([{**GOOD, "words": [1, 2, 10]}], most=1)

    assert "3 integers" in refused.value.faults[0].message


def test_the_description_says_the_shape() -> None:
    image = row(SCHEMA["fields"], SCHEMA["policy"])["properties"]["image"]

    assert (image["minItems"], image["items"]["maxItems"], image["items"]["items"]["type"]) == (2, 2, "number")
    assert np.shape(image["examples"][0]) == (2, 2)

"""An array frame does what a DataFrame does, to the bit, or raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nb2prod.serving.array_frame import ArrayFrame, Pandas, Rows, twin

ODD = [0.0, -0.0, 1.5, np.nan, np.inf, -np.inf, 1e300, -3.0]
FRAME = pd.DataFrame(
    {
        "a": ODD,
        "b": [3.0, 0.0, np.nan, 2.0, 1e-300, -1.0, 7.0, 0.1],
        "n": [0, 1, -2, 3, 2**40, 5, 0, 7],
        "s": ["x", "y", "x", "", "z", "x", "y", "z"],
        "t": [True, False, True, True, False, False, True, False],
    }
).astype({"s": object})


def array_frame() -> ArrayFrame:
    return ArrayFrame({name: FRAME[name].to_numpy() for name in FRAME}, Rows(len(FRAME)))


SAME: list[Callable[[Any, Any], Any]] = [
    lambda x, pd: x["a"] / x["b"],
    lambda x, pd: x["n"] / x["n"],
    lambda x, pd: 1 / x["n"] + x["a"] * 2 - x.b,
    lambda x, pd: x["n"] ** 2 - 3,
    lambda x, pd: x["a"].clip(lower=0.01),
    lambda x, pd: x["n"].clip(0, 3),
    lambda x, pd: np.clip(x["a"], -1, 1),
    lambda x, pd: np.log1p(x["b"].abs()),
    lambda x, pd: np.where(x["a"] > x["b"], x["n"], -x["n"]),
    lambda x, pd: np.maximum(x["a"], x["b"]),
    lambda x, pd: x["a"].fillna(0.0) + x["a"].isna(),
    lambda x, pd: (x["s"] == "x") | (x["n"] > 2),
    lambda x, pd: x["s"].isin(["x", "z"]).astype(float),
    lambda x, pd: ~x["t"] & x["n"].between(0, 5),
    lambda x, pd: x[["a", "b"]].sum(axis=1),
    lambda x, pd: x[["a", "b", "n"]].mean(axis=1),
    lambda x, pd: (x[["a", "b"]] * 2).sum(axis="columns"),
    lambda x, pd: x["a"].where(x["t"], 0.0),
    lambda x, pd: pd.DataFrame({"r": x["a"] / x["b"], "k": 1.0}, index=x.index),
    lambda x, pd: x[["a", "b"]].assign(c=lambda f: f["a"] + f["b"]).rename(columns={"c": "d"}),
    lambda x, pd: pd.concat([x[["a"]], (x["b"] * 2).rename("c")], axis=1),
    lambda x, pd: x.drop(columns=["s", "t"]),
    lambda x, pd: pd.isna(x["a"]),
    lambda x, pd: x[["a", "b"]].isna(),
    lambda x, pd: x["a"].to_numpy() + x[["a", "b"]].to_numpy()[:, 1],
]


@pytest.mark.parametrize("work", SAME, ids=range(len(SAME)))
def test_the_same_arithmetic(work: Callable[[Any, Any], Any]) -> None:
    with np.errstate(all="ignore"):
        expected, said = np.asarray(work(FRAME, pd)), np.asarray(work(array_frame(), Pandas(pd)))

    assert said.dtype == expected.dtype
    assert np.array_equal(said, expected, equal_nan=said.dtype.kind == "f")


def raises(work: Callable[[Any], Any]) -> bool:
    try:
        work(array_frame())
    except Exception:  # noqa: BLE001  whatever says that there is no such thing
        return True
    return False


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x.groupby("s"),
        lambda x: x["s"].str.upper(),
        lambda x: x.iloc[0],
        lambda x: x["a"].rolling(2),
        lambda x: x["a"].mean(),
        lambda x: x["a"] // 2,
        lambda x: x["n"] % 2,
        lambda x: x[x["t"]],
        lambda x: x["a"].clip(lower=x["b"]),
        lambda x: x.sum(axis=0),
        lambda x: x[["a", "s"]].sum(axis=1),
        lambda x: x["s"] + 1,
        lambda x: x["gone"],
        lambda x: bool(x["a"]),
        lambda x: x["a"] + [1, 2],
        lambda x: x.apply(np.sum, axis=1),
        lambda x: x["n"].astype(int),
        lambda x: np.add.reduce(x["a"]),
    ],
)
def test_what_it_does_not_know_raises(work: Callable[[Any], Any]) -> None:
    assert raises(work)


def test_a_sheet_that_is_changed_leaves_the_request_as_it_was() -> None:
    array = np.array([1.0, 2.0])
    one = ArrayFrame({"a": array}, Rows(2))
    one["a"] = one["a"] * 2
    one["b"] = 0.0

    assert array.tolist() == [1.0, 2.0]
    assert np.asarray(one).tolist() == [[2.0, 0.0], [4.0, 0.0]]


def halved(x: Any) -> Any:
    return pd.DataFrame({"h": x["a"] / 2}, index=x.index)


class Halver:
    def __init__(self) -> None:
        self.factor = 3

    def transform(self, x: Any) -> Any:
        return halved(x) * self.factor


def test_a_twins_code_makes_array_frames_and_the_original_frames() -> None:
    original = Halver()
    own = twin(original)

    assert isinstance(own.transform(array_frame()), ArrayFrame)
    assert isinstance(original.transform(FRAME), pd.DataFrame)
    assert isinstance(own, Halver)
    assert type(original) is Halver

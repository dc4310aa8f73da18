"""What the code says of rows: the class that is looked for, and the rows that belong together."""

from __future__ import annotations

import ast

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from nb2prod.candidates.candidate import Candidate
from nb2prod.candidates.hints import Hints, hinted, hints
from nb2prod.candidates.rows import Rows


def read(*cells: str) -> Hints:
    return hints(ast.parse(cell) for cell in cells)


def candidate(rows: object) -> Candidate:
    held = Rows(x=rows, y=np.zeros(4))
    return Candidate(name="m", cell=0, kind="classification", model=LinearRegression(), train=held, held=held)


def test_the_class_that_measures_look_for_is_the_positive_one() -> None:
    assert (
        read("f1_score(y, p, pos_label='churned')", "recall_score(y, p, pos_label='churned')").positive == "'churned'"
    )
    assert read("f1_score(y, p, pos_label=0)", "f1_score(y, p, pos_label=1)").positive is None
    assert hinted(candidate(np.zeros((4, 1))), Hints(positive="'no'"), {}).positive == "no"


def test_rows_of_a_group_are_known_by_their_index_or_by_their_places() -> None:
    frame = pd.DataFrame({"x": np.arange(8.0), "patient": [1, 1, 2, 2, 3, 3, 4, 4]})
    split = "learn, judge = next(GroupShuffleSplit(1).split(frame[['x']], y, groups={}))"
    space = {"frame": frame, "ids": frame["patient"].to_numpy(), "judge": np.array([4, 5, 6, 7])}
    for groups in ("frame['patient']", "ids"):
        known = read(split.format(groups))
        rows = frame[["x"]][4:] if groups != "ids" else frame[["x"]][4:].to_numpy()

        assert hinted(candidate(rows), known, space).held.groups.tolist() == [3, 3, 4, 4]
        assert known.names <= {"frame", "ids", "judge"}


def test_a_hint_that_the_values_contradict_is_none() -> None:
    for groups in ("gone", "'text'", "[1, 2]", "range(4)"):
        assert hinted(candidate(np.zeros((4, 1))), Hints(groups=(groups,)), {}).held.groups is None

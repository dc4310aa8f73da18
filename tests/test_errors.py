from __future__ import annotations

import pickle

from attrs import asdict

from nb2prod.errors.base import Place, SettingWrong, define
from nb2prod.errors.runs import CellFailed, RunError


def test_an_error_survives_pickling_with_its_fields() -> None:
    error = CellFailed(Place(cell=1, stage="fit"), "ValueError", "too small", "the traceback")
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is CellFailed
    assert asdict(again) == asdict(error)
    assert str(again) == str(error)


def test_fields_can_be_named_and_shown() -> None:
    error = SettingWrong("jobs", value="none", meaning="a number")

    assert error.meaning == "a number"
    assert "jobs" in str(error)


def test_a_class_below_one_that_nobody_has_raised_has_its_fields() -> None:
    @define
    class Above(RunError):
        first: int

    @define
    class Below(Above):
        second: int = 2

    assert asdict(Below(1)) == {"first": 1, "second": 2}
    assert asdict(Above(3)) == {"first": 3}

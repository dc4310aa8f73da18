from __future__ import annotations

import numpy as np
import pandas as pd

from nb2prod.worker.sharing import groups


def test_names_that_share_a_changeable_object_are_one_group() -> None:
    inner: list[int] = []

    assert groups({"a": inner, "b": [], "c": {"k": (inner,)}}) == [("a", "c"), ("b",)]


def test_sharing_what_cannot_change_means_nothing() -> None:
    text = "x" * 1000

    assert groups({"a": [text], "b": {"k": text}}) == [("a",), ("b",)]


def test_a_view_is_in_the_group_of_its_base() -> None:
    base = np.zeros(10)

    assert groups({"base": base, "view": base[2:][1:], "other": np.zeros(10)}) == [("base", "view"), ("other",)]


def test_frames_never_see_each_others_changes() -> None:
    frame = pd.DataFrame({"a": [1, 2]})

    assert groups({"f": frame, "g": frame[["a"]]}) == [("f",), ("g",)]


def test_a_closure_shares_what_it_closes_over() -> None:
    seen: list[int] = []

    assert groups({"f": lambda: seen.append(1), "seen": seen}) == [("f", "seen")]


def test_closures_that_share_a_cell_are_one_group() -> None:
    def make() -> tuple[object, object]:
        n = 0

        def step() -> None:
            nonlocal n
            n += 1

        return step, lambda: n

    step, get = make()

    assert groups({"get": get, "step": step}) == [("get", "step")]


def test_a_column_of_objects_shares_them() -> None:
    inner = [1]

    assert groups({"frame": pd.DataFrame({"a": [inner]}), "inner": inner}) == [("frame", "inner")]


def test_values_too_large_to_look_through_are_taken_to_share() -> None:
    assert groups({"a": [[i] for i in range(200_000)], "b": [[i] for i in range(200_000)]}) == [("a", "b")]


def test_a_class_shares_what_its_methods_enclose() -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    exec(
        "def make():\n    log = []\n    class A:\n        def add(self): log.append(1)\n    return A(), lambda: log\n"
        "a, look = make()\n"
        "class B:\n    def __init__(self): super().__init__()\nb, c = B(), B()",
        names,
    )

    assert groups({name: names[name] for name in ("a", "look", "b", "c")}) == [("a", "look"), ("b",), ("c",)]

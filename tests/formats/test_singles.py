"""Singles: what a library has one of is found again, and what the notebook found is found again in the same place."""

from __future__ import annotations

import dataclasses
import functools
import random
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_objects import moved, space

from nb2prod.formats import objects, reducers


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (np.random.mtrand._rand, np.random.mtrand._rand),
        (random._inst, random._inst),  # type: ignore[attr-defined]
        (dataclasses.MISSING, dataclasses.MISSING),
    ],
)
def test_what_a_library_has_one_of_is_the_same_one(value: Any, same: Any) -> None:
    assert moved({"v": value}, "v")["v"] is same


def test_a_generator_of_the_notebook_is_one_of_its_own() -> None:
    there = moved({"v": np.random.RandomState(3), "w": random.Random(3)}, "v", "w")

    assert np.random.RandomState(3).rand() == there["v"].rand()
    assert random.Random(3).random() == there["w"].random()


def test_a_function_is_found_again_though_another_is_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    names = space("import textwrap\nold = textwrap.dedent\ndef new(text): return old(text) + '!'")
    monkeypatch.setattr(names["textwrap"], "dedent", names["new"])
    pickled = objects.dumps({"old": names["old"]}, names)
    monkeypatch.undo()

    assert objects.loads(pickled.stream, {})["old"] is names["old"]


@pytest.mark.parametrize(
    "found",
    [
        re.search("b+", "abbb"), re.match("(?P<a>a)|b", "ab"), re.fullmatch("a*?", "aaa"),
        list(re.finditer("a", "banana"))[1], re.compile("a").search("banana", 2, 5),
    ],
)  # fmt: skip
def test_what_was_found_in_a_text_is_found_there_again(found: re.Match[str]) -> None:
    there = moved({"m": found}, "m")["m"]

    assert (found.span(), found.groups(), found.lastgroup) == (there.span(), there.groups(), there.lastgroup)


def test_what_only_looking_ahead_can_find_is_refused() -> None:
    found = list(re.finditer("(?<!a)b|^", "ab b"))[1]
    odd = list(re.finditer("", "ab"))[1]

    assert moved({"m": found}, "m")["m"].span() == found.span()
    assert moved({"m": odd}, "m")["m"].span() == odd.span()


def test_numbers_that_are_none_are_told_apart() -> None:
    one, other = float("nan"), float("nan")
    there = moved({"xs": [one, one, other]}, "xs")["xs"]

    assert there[0] is there[1] is not there[2]


def test_an_idle_pool_of_threads_works_and_one_that_is_shut_does_not() -> None:
    with ThreadPoolExecutor(1) as pool:
        there = moved({"pool": pool}, "pool")["pool"]
        assert there.submit(len, "abc").result() == 3
        there.shutdown()
    shut = moved({"pool": pool}, "pool")["pool"]
    with pytest.raises(RuntimeError):
        shut.submit(len, "abc")


def test_small_tools_of_the_standard_library_travel() -> None:
    names = {"key": functools.cmp_to_key(lambda a, b: b - a), "packed": struct.Struct("<ih")}
    there = moved(names, "key", "packed")

    assert sorted([1, 3, 2], key=there["key"]) == [3, 2, 1]
    assert there["packed"].size == 6


def test_a_file_of_arrays_is_read_again(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=[1, 2], b=[3])
    with np.load(tmp_path / "two.npz") as archive, moved({"z": archive}, "z")["z"] as there:
        assert there["a"].tolist() == [1, 2]


def test_data_inside_a_library_is_refused() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    with pytest.raises(reducers.Unkeepable, match="lightgbm"):
        objects.dumps({"d": lightgbm.Dataset(np.zeros((2, 2)))}, {})


@pytest.mark.parametrize("kind", [list[int], dict[str, list[int]], type[int], list[int] | None, list])
def test_a_type_of_items_is_not_taken_for_the_built_in_that_it_is_named_after(kind: Any) -> None:
    assert moved({"v": kind}, "v")["v"] == kind


def test_nor_is_what_wraps_a_built_in() -> None:
    there = moved(space("import functools\n@functools.wraps(len)\ndef size(x):\n    return 7\n"), "size")

    assert there["size"]([]) == 7

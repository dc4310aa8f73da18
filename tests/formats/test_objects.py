from __future__ import annotations

import functools
import subprocess
import sys
import threading
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nb2prod.formats import objects, reducers


def space(source: str) -> dict[str, Any]:
    """Run code as a notebook would, in a namespace that calls itself `__main__`."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(source, names)
    return names


def moved(names: dict[str, Any], *kept: str, into: dict[str, Any] | None = None) -> dict[str, Any]:
    target: dict[str, Any] = {"__name__": "__main__"} if into is None else into
    pickled = objects.dumps({name: names[name] for name in kept}, names)
    target.update(objects.loads(pickled.stream, target, [memoryview(bytearray(b)) for b in pickled.buffers]))
    return target


def test_values_that_share_an_object_still_share_it() -> None:
    there = moved(space("a = b = []\nc = {'a': a}"), "a", "b", "c")
    there["a"].append(1)

    assert [1] == there["b"] == there["c"]["a"]


def test_a_function_sees_the_globals_of_the_namespace_that_receives_it() -> None:
    names = space("rate = 2\ndef f(v): return v * rate")
    pickled = objects.dumps({"f": names["f"]}, names)
    there: dict[str, Any] = {"__name__": "__main__", "rate": 5}
    there.update(objects.loads(pickled.stream, there))

    assert {"rate"} == pickled.needs
    assert there["f"](3) == 15
    assert there is there["f"].__globals__


def test_closures_defaults_and_attributes_travel() -> None:
    names = space(
        "def make():\n    n = [0]\n    def f(x, d=[1]):\n        n[0] += x\n        return n[0] + d[0]\n    return f"
    )
    names |= space("f = None") | {"f": names["make"]()}
    names["f"].tag = "t"
    there = moved(names, "f")

    assert (there["f"](2), there["f"](2), there["f"].tag) == (3, 5, "t")


def test_a_class_stays_one_class_across_artifacts() -> None:
    names = space("class A:\n    k = 1\na = A()")
    there = moved(names, "A")
    moved(names, "a", into=there)

    assert isinstance(there["a"], there["A"])


def test_equal_functions_give_equal_bytes_whatever_file_they_are_from() -> None:
    def dumped(file: str, above: str) -> str:
        source = f"{above}def f(x): return x + 1\nclass A:\n    k = 1\n    def m(self): return 1"
        code = (
            "from nb2prod.formats import objects\nnames = {'__name__': '__main__'}\n"
            f"exec(compile({source!r}, {file!r}, 'exec'), names)\n"
            "print(objects.dumps({'f': names['f'], 'A': names['A']}, names).stream.hex())"
        )
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert dumped("/tmp/ipykernel_1/1.py", "") == dumped("/tmp/ipykernel_2/2.py", "\n\n")


def test_classes_that_look_the_same_stay_two() -> None:
    names = space("def make(n):\n    class P:\n        k = n\n    return P\nA, B = make(1), make(2)\na, b = A(), B()")
    there = moved(names, "a")
    moved(names, "b", into=there)

    assert (there["a"].k, there["b"].k) == (1, 2)


def test_types_come_back_as_they_went() -> None:
    frame = pd.DataFrame({"s": ["a", None], "c": pd.Categorical(["x", "y"])})
    names = {"n": np.float64(1.5), "f": frame, "g": np.random.default_rng(1)}
    there = moved(names, "n", "f", "g")

    assert np.float64 is type(there["n"])
    pd.testing.assert_frame_equal(frame, there["f"])
    assert np.random.default_rng(1).random() == there["g"].random()


def test_a_cached_function_is_cached_again() -> None:
    names = space("import functools\n@functools.lru_cache(maxsize=2)\ndef f(x): return x + 1")
    there = moved(names, "f")

    assert there["f"](2) == 3
    assert isinstance(there["f"], functools._lru_cache_wrapper)
    assert there["f"].cache_parameters()["maxsize"] == 2


@pytest.mark.parametrize("make", [lambda: sys._getframe(), lambda: (i for i in [])])
def test_what_cannot_be_kept_is_refused(make: Any) -> None:
    with pytest.raises(reducers.Unkeepable):
        objects.dumps({"v": make()}, {})


def test_names_that_nested_code_looks_up_are_found() -> None:
    names = space("def f():\n    def g(): return [h(i) for i in r]\n    return g")

    assert {"h", "r"} == objects.globals_of(names["f"].__code__)
    assert isinstance(names["f"], types.FunctionType)


def test_a_view_still_looks_at_the_memory_of_its_base() -> None:
    base = np.zeros((4, 3), order="F")
    there = moved({"base": base, "view": base[1:, ::2]}, "base", "view")
    there["view"][0, 0] = 9

    assert there["base"][1, 0] == 9


def test_a_dictionarys_view_follows_the_dictionary() -> None:
    there = moved(space("d = {'a': 1}\nks = d.keys()"), "d", "ks")
    there["d"]["b"] = 2

    assert list(there["ks"]) == ["a", "b"]


def test_a_free_lock_is_made_anew_and_one_that_is_held_is_refused() -> None:
    lock = threading.Lock()

    assert moved({"lock": lock}, "lock")["lock"].acquire(blocking=False)
    with lock, pytest.raises(reducers.Unkeepable, match="held"):
        objects.dumps({"lock": lock}, {})


def test_not_a_number_is_found_again_in_a_list() -> None:
    there = moved({"xs": [1.0, {"k": (np.nan,)}], "n": np.nan}, "xs", "n")

    assert there["n"] in there["xs"][1]["k"]


def test_a_long_chain_of_objects_is_no_obstacle() -> None:
    names = space(
        "class Node:\n    pass\nhead = None\nfor _ in range(20_000):\n    n = Node()\n    n.next = head\n    head = n"
    )
    node, count = moved(names, "head")["head"], 0
    while node is not None:
        node, count = node.next, count + 1

    assert count == 20_000


def test_large_memory_stays_out_of_the_pickle_and_small_memory_goes_into_it() -> None:
    pickled = objects.dumps({"large": np.zeros(100_000), "small": np.zeros(100)}, {})

    assert [len(buffer) for buffer in pickled.buffers] == [800_000]
    assert 800 < len(pickled.stream) < 2_000


@pytest.mark.parametrize("rows", [100, 100_000])
def test_arrays_may_be_written_to_unless_they_were_read_only(rows: int) -> None:
    fixed = np.ones(rows)
    fixed.flags.writeable = False
    there = moved({"free": np.zeros(rows), "fixed": fixed}, "free", "fixed")
    there["free"][0] = 5

    assert not there["fixed"].flags.writeable


def test_equal_values_give_equal_pickles_after_a_journey() -> None:
    frame = pd.DataFrame({"x": np.arange(100_000.0), "y": np.arange(100_000), "s": ["a", None] * 50_000})
    first = objects.dumps({"f": frame}, {})
    there = objects.loads(first.stream, {}, [memoryview(bytearray(b)) for b in first.buffers])
    second = objects.dumps(there, {})

    assert second.stream == first.stream
    assert [bytes(b) for b in second.buffers] == [bytes(b) for b in first.buffers]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(100_000).astype("M8[ns]"),
        np.arange(100_000).astype("m8[s]").reshape(100, 1000, order="F"),
        np.arange(200_000.0)[::2],
        np.arange(200_000.0).reshape(2, 100, 1000).transpose(1, 0, 2),
        np.zeros(50_000, dtype=[("at", "M8[ns]"), ("n", "i4")]),
        np.broadcast_to(np.float64(2), (400, 400)),
    ],
    ids=["times", "durations by column", "every second", "transposed", "records", "broadcast"],
)
def test_arrays_that_numpy_would_copy_into_the_pickle_stay_out_of_it(array: Any) -> None:
    pickled = objects.dumps({"a": array}, {})
    there = moved({"a": array}, "a")["a"]

    assert len(pickled.stream) < 1_000
    np.testing.assert_array_equal(there, array)
    assert (there.dtype, there.flags.c_contiguous) == (array.dtype, array.flags.c_contiguous or not array.flags.fnc)
    assert there.flags.writeable


def test_times_still_share_their_memory() -> None:
    times = np.arange(100_000).astype("M8[ns]")
    there = moved({"all": times, "some": times[5:]}, "all", "some")
    there["some"][0] = np.datetime64(0, "ns")

    assert there["all"][5] == np.datetime64(0, "ns")


def test_weak_references_refer_to_what_another_name_holds() -> None:
    names = space(
        "import weakref\nclass A: pass\na = A(); a.me = ref = weakref.ref(a); gone = weakref.ref(A())\n"
        "index = weakref.WeakValueDictionary({'a': a}); members = weakref.WeakSet([a])"
    )
    there = moved(names, "ref", "a", "gone", "index", "members")

    assert there["ref"]() is there["a"] is there["a"].me() is there["index"]["a"]
    assert (there["gone"](), list(there["members"])) == (None, [there["a"]])


@pytest.mark.parametrize(
    "look", ["m", "m[1:3]", "m[2:].cast('H')", "m.toreadonly()", "memoryview(b'abcd')[1:]", "m.cast('B', (2, 2))"]
)
def test_a_memoryview_still_looks_at_the_bytes_it_looked_at(look: str) -> None:
    names = space(f"row = bytearray(b'abcd'); m = memoryview(row); look = {look}")
    there = moved(names, "look", "row")
    for space_ in (names, there):
        space_["row"][2] = 0

    assert (there["look"].tolist(), there["look"].readonly) == (names["look"].tolist(), names["look"].readonly)


def test_a_memoryview_with_gaps_is_refused() -> None:
    with pytest.raises(reducers.Unkeepable):
        objects.dumps({"m": memoryview(bytearray(4))[::2]}, {})

"""Caches: a cached function arrives with what it remembers and what it has counted."""

from __future__ import annotations

from typing import Any

import pytest
from test_objects import moved, space

CODE = """
import functools
calls = []
@functools.lru_cache(maxsize={size}, typed={typed})
def f(*args, **kwargs):
    calls.append((args, kwargs))
    if args and args[0] is None: raise ValueError
    return len(args)
"""
CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}), ((1.0,), {}), ((1, 2), {}), ((), {"a": 1}), ((1,), {"b": 2, "a": 3}), (("x",), {}), (((1, 2),), {}),
    ((1, 2), {}), ((1,), {}), ((None,), {}),
]  # fmt: skip


@pytest.mark.parametrize("size", [None, 0, 3, 100])
@pytest.mark.parametrize("typed", [True, False])
def test_a_cache_remembers_elsewhere_what_it_remembered_here(size: int | None, typed: bool) -> None:
    names = space(CODE.format(size=size, typed=typed))
    for args, kwargs in CALLS:
        try:
            names["f"](*args, **kwargs)
        except ValueError:
            continue
    there = moved(names, "f", "calls")
    told = there["f"].cache_info()
    expected = names["f"].cache_info()
    for names_ in (names, there):
        names_["calls"].clear()
        for args, kwargs in reversed(CALLS[:-1]):
            names_["f"](*args, **kwargs)

    assert told == expected
    assert there["calls"] == names["calls"]
    assert there["f"].__wrapped__.__globals__ is there


def test_a_cached_function_may_call_itself() -> None:
    names = space(
        "import functools\ndef make():\n    @functools.cache\n"
        "    def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n    return fib\nfib = make()\nfib(20)"
    )
    there = moved(names, "fib")

    assert there["fib"](20) == 6765
    assert there["fib"].cache_info().hits == names["fib"].cache_info().hits + 1

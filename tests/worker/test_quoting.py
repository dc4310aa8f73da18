from __future__ import annotations

import inspect
import traceback
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from nb2prod.formats import objects
from nb2prod.worker.quoting import locate

ABOVE = [
    "import functools\n\n# above\ndef f(x):\n    # a comment\n    return 1 / x",
    "def twice(fn):\n    @functools.wraps(fn)\n    def wrapper(*a):\n        return fn(*a) * 2\n    return wrapper\n"
    "@twice\ndef decorated(x):\n    return f(x)",
    "class A:\n    def m(self):\n        return f(0)\n    @property\n    def p(self):\n        return 2",
    "def f2(x):\n    def inner():\n        return x / 0\n    return inner()",
]


@pytest.fixture
def shell() -> Any:
    """A shell whose namespace holds functions that arrived from cells that ran elsewhere."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for source in ABOVE:
        exec(source, names)
    kept = {name: names[name] for name in ("f", "decorated", "A", "f2")}
    pickled = objects.dumps(kept, names)
    InteractiveShell.clear_instance()
    found: Any = InteractiveShell.instance(history_load_length=0)
    found.user_ns.update(objects.loads(pickled.stream, found.user_ns, [memoryview(b) for b in pickled.buffers]))
    locate(found, ABOVE)
    yield found
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("expression", "first", "last"),
    [
        ("f", "def f(x):\n", "    return 1 / x\n"),
        ("A.m", "    def m(self):\n", "        return f(0)\n"),
        ("A.p.fget", "    @property\n", "        return 2\n"),
        ("decorated", "@twice\n", "    return f(x)\n"),
    ],
)
def test_the_source_of_a_function_of_a_cell_above_is_that_cells(
    shell: Any, expression: str, first: str, last: str
) -> None:
    lines, _ = inspect.getsourcelines(eval(expression, shell.user_ns))

    assert (lines[0], lines[-1]) == (first, last)


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        ("decorated(0)", ["return fn(*a) * 2", "return f(x)", "return 1 / x"]),
        ("f2(1)", ["return inner()", "return x / 0"]),
    ],
)
def test_a_traceback_quotes_the_lines_of_cells_above(shell: Any, call: str, lines: list[str]) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        eval(call, shell.user_ns)

    assert [frame.line for frame in traceback.extract_tb(raised.tb)][-len(lines) :] == lines


def test_functions_that_nothing_above_defines_stay_as_they_are(shell: Any) -> None:
    exec("def later(): return 1", shell.user_ns)
    before = shell.user_ns["later"].__code__
    locate(shell, ABOVE)

    assert shell.user_ns["later"].__code__ is before

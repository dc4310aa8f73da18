"""Instances: objects of the notebook's classes arrive as they were, whatever their class says of pickling."""

from __future__ import annotations

import threading

import pytest
from test_objects import moved, space

from nb2prod.formats import objects


@pytest.mark.parametrize(
    ("source", "look"),
    [
        ("class A:\n    def __getstate__(self): return {}\na = A()\na.v = 1", "a.v"),
        ("class A:\n    def __reduce__(self): return (A, ())\na = A()\na.v = 1", "a.v"),
        ("class A:\n    def __setstate__(self, state): self.w = 2\na = A()\na.v = 1", "sorted(vars(a))"),
        ("class A:\n    def __new__(cls):\n        A.n = 1\n        return object.__new__(cls)\na = A()\nA.n = 0",
         "A.n"),
        ("class A(frozenset):\n    def __new__(cls, xs): return super().__new__(cls, [2 * x for x in xs])\na = A([1])",
         "sorted(a)"),
        ("class A(set):\n    def __init__(self, xs): super().__init__(xs)\n    def __iter__(self): return iter([])\n"
         "a = A([1])", "1 in a"),
        ("class A(dict):\n    def __setitem__(self, k, v): super().__setitem__(k, v + 1)\na = A()\na[0] = 1", "a[0]"),
        ("class A(list):\n    def append(self, v): super().append(v + 1)\n    extend = 0\na = A()\na.append(1)",
         "a[0]"),
        ("class A:\n    __slots__ = ('v', '_w')\n    def __init__(self): self.v = [1]\na = A()",
         "(a.v, hasattr(a, '_w'), hasattr(a, '__dict__'))"),
        ("class A:\n    __slots__ = ('__v',)\n    def __init__(self): self.__v = 1\n    def get(self): return self.__v"
         "\na = A()",
         "(a.get(), hasattr(a, '__dict__'))"),
        ("class Outer:\n    class A: pass\na = Outer.A()", "type(a).__qualname__"),
        ("class Wrong(Exception):\n    def __init__(self, code, text):\n        super().__init__(text)\n"
         "        self.code = code\na = Wrong(7, 'no')", "(a.args, a.code)"),
        ("class Wrong(OSError):\n    def __init__(self, where): super().__init__(2, 'gone', where)\na = Wrong('here')",
         "(a.errno, a.filename, str(a))"),
    ],
)  # fmt: skip
def test_an_object_is_not_asked_how_it_is_pickled(source: str, look: str) -> None:
    names = space(source)
    there = moved(names, *(name for name in names if not name.startswith("__")))

    assert eval(look, names) == eval(look, there)


def test_what_cannot_be_stored_is_left_out_as_its_class_says() -> None:
    source = "class A:\n    def __getstate__(self): return {'v': self.v}\na = A()\na.v, a.held = 1, held"
    held = threading.Lock()
    names: dict[str, object] = {"__name__": "__main__", "held": held}
    with held:
        exec(source, names)
        there = moved(names, "a")

    assert vars(there["a"]) == {"v": 1}


def test_a_metaclass_is_not_told_twice() -> None:
    names = space(
        "class Meta(type):\n    made = []\n    def __init__(c, n, b, d):\n        super().__init__(n, b, d)\n"
        "        Meta.made.append(n)\nclass A(metaclass=Meta): pass"
    )
    there = moved(names, "Meta", "A")

    assert there["Meta"].made == ["A"]
    assert type(there["A"]) is there["Meta"]


def test_an_object_says_which_class_it_needs() -> None:
    names = space("class A: pass\na = A()")

    assert {"A"} == objects.dumps({"a": names["a"]}, names).needs


def test_a_branch_of_a_tree_of_html_is_still_part_of_it() -> None:
    bs4 = pytest.importorskip("bs4")
    soup = bs4.BeautifulSoup("<p>a <b>b</b></p>", "html.parser")
    there = moved({"soup": soup, "b": soup.b}, "soup", "b")
    there["b"].string = "c"

    assert str(there["soup"]) == "<p>a <b>c</b></p>"


def test_a_function_of_the_notebook_is_curried_again() -> None:
    names = space("from toolz import curry\n@curry\ndef add(a, b): return a + b\none_more = add(1)")
    there = moved(names, "add", "one_more")

    assert (there["one_more"](2), there["add"](3)(4)) == (3, 7)

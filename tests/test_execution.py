"""Property: however a program is cut into stages, staged equals straight."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import forks
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from nb2prod.machine import Machine
from nb2prod.stage import untagged


def straight(cells: list[str]) -> list[str]:
    names: dict[str, Any] = {"__name__": "__main__"}
    texts = []
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(untagged(cell), names)
        texts.append(out.getvalue())
    return texts


# Every name is set before the first stage, so that any statement may follow any other.
START = """
import random
random.seed(3)
a, b, c = 1, 2, 3
xs, ys = [1], [2]
zs = xs
d = {'x': xs, 'n': [5]}
def f(v): return v + a
def g(): xs.append(b)
def h():
    global c
    c = c + f(b)
def make(n):
    def step():
        nonlocal n
        n += a
        return n
    return step
k = make(10)
class P:
    seen = []
    def __init__(self, v): self.v = v
    def grow(self):
        self.v += a
        P.seen.append(self.v)
        return self
p = q = P(7)
"""
SHOW = "print(a, b, c, xs, ys, zs, d, f(1), p.v, q.v, P.seen, xs is zs, p is q, isinstance(q, P), k())"
STATEMENTS = [
    "a = b + 1", "b = c * 2 - a", "c = f(b) % 101", "a += 1", "a, b = b, a", "a = random.randrange(9)",
    "xs.append(a)", "ys = xs", "ys = list(xs)", "zs = ys", "xs = [b]", "xs += [a]", "zs[0] = c",
    "d['n'].append(a)", "d['x'] = ys", "d = dict(d)", "d['n'] = [n for n in zs if n > b][:3]",
    "g()", "h()", "k()", "k = make(b)", "p.grow()", "q = P(c)", "p = q", "p.v = a", "P.seen = [b]",
    "for b in range(3): xs.append(b)", "if a > b: c = 0", "a = sum(n for n in xs) % 97",
    "def f(v): return v * 2 + b", "f = lambda v: v - c", "def g(): ys.append(a)",
    "with_default = (lambda v, acc=xs: acc + [v])(a); xs = with_default[:4]",
    "try:\n    a = xs[5]\nexcept IndexError as e:\n    a = len(xs)",
    "match xs:\n    case [first, *rest]: a = first\n    case _: a = 0",
    "del ys; ys = zs", "c = (lambda: a + b)() % 103", "b = [a := n for n in range(4)][-1]",
]  # fmt: skip

# What reads few names leaves room for stages that run ahead.
SHOWS = ["a, b, c", "xs, ys, zs, xs is zs", "d", "f(1)", "p.v, q.v, P.seen, p is q, isinstance(q, P)", "k()"]
shows = st.sampled_from([SHOW, *(f"print({names})" for names in SHOWS)])
stages = st.tuples(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4), shows).map(lambda s: [*s[0], s[1]])
programs = st.lists(stages, min_size=2, max_size=5)


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(programs)
@example([["zs[0] = c", SHOW], ["xs.append(a)", SHOW], ["d['x'] = ys", SHOW]])
@example([["q = P(c)", "p = q", SHOW], ["p.grow()", SHOW], ["P.seen = [b]", SHOW]])
@example([["f = lambda v: v - c", SHOW], ["h()", SHOW], ["k = make(b)", SHOW], ["k()", SHOW]])
def test_staged_equals_straight_however_a_program_is_cut(program: list[list[str]]) -> None:
    stages = [f"%%stage s{number}\n" + "\n".join(lines) for number, lines in enumerate(program)]
    cells = [START, *stages]
    with tempfile.TemporaryDirectory() as folder:
        first = forks.run(cells, Path(folder), machine=Machine(jobs=1))
        # Anew, though all is kept, and on what the stages were seen to do.
        force = dict.fromkeys(first.records, "it was asked for")
        again = forks.run(cells, Path(folder), force=force, last=first.records)

    assert first.execution.error is None, first.execution.error
    assert straight(cells) == first.texts
    assert first.texts == again.texts

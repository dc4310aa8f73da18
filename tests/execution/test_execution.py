"""Property: however a program is cut into stages, staged equals straight."""

from __future__ import annotations

import tempfile
from pathlib import Path

import forks
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from nb2prod.execution.machine import Machine

# Every name is set before the first stage, so that any statement may follow any other.
START = """
import collections, copy, dataclasses, enum, functools, itertools, os, random, re, types, warnings, weakref
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
class Q(P):
    @property
    def twice(self): return self.v * 2 + c
    @classmethod
    def made(cls): return cls(b)
    def __eq__(self, other): return isinstance(other, P) and self.v == other.v
    __hash__ = None
@dataclasses.dataclass
class R:
    n: int
    ns: list = dataclasses.field(default_factory=lambda: [a])
    def over(self): return [n + b for n in self.ns]
r = R(4, xs)
Color = enum.Enum('Color', 'RED BLUE')
hue = Color.RED
Pair = collections.namedtuple('Pair', 'left right')
pair = Pair(xs, p)
@functools.lru_cache
def cached(v): return v * 3
def twice(function):
    @functools.wraps(function)
    def wrapper(*args): return function(*args) * 2
    return wrapper
@twice
def decorated(v): return v - b
counts = collections.Counter([a, b])
groups = collections.defaultdict(list, {1: ys})
first_of = functools.partial(max, key=lambda v: -v)
box = types.SimpleNamespace(items=xs, deep={'p': p})
refs = weakref.ref(p)
row = bytearray(b'abc')
window = memoryview(row)
class Slim:
    __slots__ = ('n', 'ns')
    def __init__(self, n, ns): self.n, self.ns = n, ns
slim = Slim(a, xs)
class Log(dict):
    writes = 0
    def __setitem__(self, key, value):
        Log.writes += 1
        super().__setitem__(key, value)
log = Log()
log['a'] = a
class One:
    only = None
    def __new__(cls):
        cls.only = cls.only or super().__new__(cls)
        return cls.only
    def __getstate__(self): return {}
one = One()
one.v = a
class Wrong(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code
wrong = Wrong(a, 'text')
nan = float('nan')
nans = [nan]
found = re.search('b+', 'abbc')
draw = random.random
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
    "p = Q(a)", "q = Q.made()", "p = copy.copy(q)", "P.grow = lambda self: self", "Q.extra = a", "a = q.v % 89",
    "del p; p = q",
    "r.ns.append(c)", "r = dataclasses.replace(r, n=a)", "xs = r.ns", "r.ns = d['x']", "a = r.n; r.n = b",
    "hue = Color.BLUE if a > b else Color.RED", "pair = pair._replace(left=ys)", "pair.left.append(a)",
    "pair.right.v = b",
    "a = cached(b) % 50 + cached.cache_info().hits", "cached.cache_clear()", "a = decorated(c) % 40",
    "decorated = twice(decorated)",
    "counts[a] += 1", "counts.update(xs)", "groups[a].append(b)", "groups[1] = xs", "a = first_of(b, c)",
    "box.items = ys", "box.items.append(c)", "box.deep['p'] = q", "box = copy.deepcopy(box)", "refs = weakref.ref(q)",
    "row[0] = a % 200", "window[1] = b % 200", "row = bytearray(b'xyz'); window = memoryview(row)",
    "os.environ['NB_A'] = str(a)", "a = int(os.environ.get('NB_A', '3'))", "random.shuffle(xs)", "c = random.random()",
    "warnings.simplefilter('ignore', FutureWarning)", "exec('b = a + 2')", "a = eval('b + c') % 31",
    "globals()['c'] = a",
    "for name in ['u', 'w']:\n    globals()[name] = b\na = u + w",
    "with open('kept.txt', 'w') as file: _ = file.write(str(a))",
    "if os.path.exists('kept.txt'): b = len(open('kept.txt').read())", "a = len([n for n in (xs, ys) if n is zs])",
    "try:\n    raise ValueError(xs)\nexcept ValueError as error:\n    kept = error; xs = kept.args[0]",
    "def deep(n): return 1 if n < 1 else deep(n - 1) + a\nb = deep(3)",
    "class P(P):\n    def more(self): return self.v + c",
    "async def later(): return a + 1\nimport asyncio; b = asyncio.run(later())",
    "a, *rest = [b, c, a]", "xs[:1] = ys[:2]", "d |= {'y': zs}", "(a, b), c = (b, a), c",
    "global_list = [xs, ys]; global_list[0].append(a)",
    "slim.ns.append(b)", "slim = Slim(b, ys)", "log[a] = b", "one.v = b", "One.tag = a", "wrong.code = a",
    "try:\n    raise wrong\nexcept Wrong as e:\n    wrong = e", "nans.append(nan)", "a = int(draw() * 50)",
    "type(p).late = b", "type(q).late = lambda self: self.v + b", "found = re.fullmatch('(x)|y', 'xy'[b % 2])",
]  # fmt: skip

# What reads few names leaves room for stages that run ahead.
SHOWS = [
    "r, r.ns is xs, r.over()",
    "hue, Color.RED is hue, pair.left, pair.right.v",
    "cached(2), cached.cache_info(), decorated(5)",
    "counts, dict(groups), groups[1] is ys, first_of(a, b)",
    "box.items, box.deep['p'].v, box.items is xs, box.deep['p'] is p",
    "refs() is p, bytes(row), bytes(window)",
    "sorted(k for k in os.environ if k.startswith('NB_')), random.random()",
    "getattr(q, 'twice', None), getattr(p, 'extra', None), type(p) is P, type(q).__mro__[0] is Q, isinstance(p, P)",
    "slim.n, slim.ns, slim.ns is xs, hasattr(slim, '__dict__')",
    "log, Log.writes, One() is one, one.v, getattr(one, 'tag', None)",
    "wrong, wrong.code, nan in nans, nans.count(nan), found.span(), draw()",
    "callable(getattr(p, 'late', None)), type(q).__dict__.get('late') is None",
    "a, b, c",
    "xs, ys, zs, xs is zs",
    "d",
    "f(1)",
    "p.v, q.v, P.seen, p is q, isinstance(q, P)",
    "k()",
]
shows = st.sampled_from([SHOW, *(f"print({names})" for names in SHOWS)])
stages = st.tuples(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4), shows).map(lambda s: [*s[0], s[1]])
programs = st.lists(stages, min_size=2, max_size=5)


@settings(
    max_examples=30,
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
    assert forks.straight(cells) == first.texts
    assert first.texts == again.texts

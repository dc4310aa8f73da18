from __future__ import annotations

import pytest

from nb2prod.dataflow import Unparsable, analyse

# source → names that the cell may take from above
READS = {
    "y = x + 1": {"x"},
    "x = 1\ny = x": set(),
    "if c: v = 1\nprint(v)": {"c", "v", "print"},
    "for i in it: last = i\nprint(last)": {"it", "last", "print"},
    "while True:\n    z = 1\nz": {"z"},
    "n += 1": {"n"},
    "[q for q in qs if q > low]": {"qs", "low"},
    "q = [q for q in qs]\nq": {"qs"},
    "any((hit := a) for a in xs)\nhit": {"any", "xs"},
    "del x\nx": {"x"},
    "try:\n    r = f()\nexcept ValueError as e:\n    r = e": {"f", "ValueError"},
    "e = 1\ntry:\n    pass\nexcept OSError as e:\n    pass\ne": {"OSError", "e"},
    "match p:\n    case {'k': v, **rest}: w = v\n    case [first, *others]: w = first\nw": {"p", "w"},
    "class A(B):\n    n = N\n    m = n": {"B", "N"},
    "def f(a=D, *, b: T = E): return a": {"D", "E", "T"},
    "with open(p) as h: t = h.read()\nt": {"open", "p"},
    "a, (b, *c) = pair\na, b, c": {"pair"},
    "df.query('age > @limit')": {"df", "limit"},
    "eval('k + 1')": {"eval", "k"},
    "f'{v!r:>{w}}'": {"v", "w"},
    "x: int\nprint(x)": {"int", "print", "x"},
    "import os.path as p, sys\np, sys": set(),
    "%time total = sum(xs)\ntotal": {"get_ipython", "sum", "xs"},
    "%%time\ntotal = sum(xs)\ntotal": {"sum", "xs"},
    "files = !ls {folder} $pattern\nfiles": {"folder", "pattern"},
    "await task": {"task"},
    "print(*args, **kw)": {"print", "args", "kw"},
    "x = (lambda y: y)(z)": {"z"},
    "def g(): pass\ng()": set(),
    "global_like = __name__": {"__name__"},
}


@pytest.mark.parametrize("source", READS)
def test_a_cell_reads_what_some_path_has_not_bound(source: str) -> None:
    assert READS[source] - {"get_ipython"} == set(analyse(source).reads) - {"get_ipython"}


def test_a_function_keeps_its_globals_to_itself_until_it_is_called() -> None:
    flow = analyse("def f(a):\n    global n\n    n = a + g\n    a.append(h)\n    return [i for i in range(k)]")

    assert set() == set(flow.reads)
    assert {"g", "h", "range", "k"} == set(flow.definitions["f"].reads)
    assert {"n"} == set(flow.definitions["f"].binds)
    assert {"a", 0} == flow.definitions["f"].touched_params


def test_methods_count_as_their_class() -> None:
    flow = analyse("class A:\n    def m(self):\n        return self.x + g")

    assert {"g"} == set(flow.definitions["A"].reads)


def test_a_lambda_with_a_name_is_a_definition() -> None:
    flow = analyse("f = lambda r: r * later")

    assert {"later"} == set(flow.definitions["f"].reads)
    assert set() == set(flow.reads)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("df['a'] = 1", {"df"}),
        ("df.loc[0, 'a'] = 1", {"df"}),
        ("m.n.o = 1", {"m"}),
        ("del d['k']", {"d"}),
        ("xs.append(1)", {"xs"}),
        ("df.drop(columns='a', inplace=True)", {"df"}),
        ("df.drop(columns='a', inplace=False)", set()),
        ("np.multiply(a, b, out=c)", {"c"}),
        ("model.fit(X, y)", {"model"}),
        ("model.predict(X)", set()),
        ("n += 1", {"n"}),
    ],
)
def test_what_may_change_in_place_is_seen(source: str, names: set[str]) -> None:
    assert names == set(analyse(source).touches)


def test_imports_are_statements_to_run_again_and_no_values() -> None:
    flow = analyse("import a.b\nfrom c import d as e")

    assert [item.names for item in flow.imports] == [("a",), ("e",)]
    assert set(flow.binds) == set()


def test_what_a_branch_imports_is_handed_on_like_a_value() -> None:
    flow = analyse("try:\n    import f\nexcept ImportError:\n    f = None\nif f:\n    from g import h")

    assert flow.imports == []
    assert set(flow.binds) == {"f", "h"}


def test_code_that_cannot_be_seen_is_said_to_be_opaque() -> None:
    assert analyse("x = 1\nexec(code)").opaque == 2
    assert analyse("exec('y = 1')").opaque is None
    assert {"y"} == set(analyse("exec('y = 1')").binds)


def test_a_cell_that_is_neither_python_nor_ipython_is_refused_with_its_line() -> None:
    with pytest.raises(Unparsable) as caught:
        analyse("x = 1\ny = (")

    assert caught.value.line == 2


def test_lines_inside_a_cell_magic_are_those_of_the_cell() -> None:
    assert {k: v for k, v in analyse("%%time\na = 1\nb = xs").reads.items() if k == "xs"} == {"xs": 3}


def test_a_lambda_within_what_a_name_is_set_to_may_be_called_at_once() -> None:
    assert set(analyse("c = (lambda: a + b)() % 3").anonymous.reads) == {"a", "b"}
    assert set(analyse("c = lambda: a + b").anonymous.reads) == set()


@pytest.mark.parametrize(
    "source",
    [
        "os.environ['CITY']", "environ.get('CITY', 'x')", "os.getenv('CITY')", "getenv('CITY')", "'CITY' in os.environ",
        "def f():\n    return os.environ['CITY']", "os.environ.setdefault('CITY', 'x')",
    ],
)  # fmt: skip
def test_environment_variables_that_are_looked_up_are_seen(source: str) -> None:
    assert analyse(source).variables == {"CITY"}


def test_items_of_other_mappings_are_no_environment_variables() -> None:
    assert analyse("d['CITY'] + d.get('CITY') + os.environ[name]").variables == set()


@pytest.mark.parametrize(
    ("source", "quotes"),
    [("inspect.getsource(f)", True), ("getsource(f)", True), ("f??", True), ("f?", False), ("f()", False)],
)
def test_code_that_looks_at_the_text_of_definitions_is_known(source: str, quotes: bool) -> None:
    assert analyse(source).quotes is quotes

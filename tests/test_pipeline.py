from __future__ import annotations

from books import parsed

from nb2prod.pipeline import Pipeline, build


def edges(pipeline: Pipeline) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(edge.source, edge.target): edge.names for edge in pipeline.edges}


def test_a_stage_reads_from_the_last_stage_above_that_set_the_name() -> None:
    found = build(parsed("%%stage a\nx = 1", "%%stage b\nx = 2", "%%stage c\ny = x"))

    assert edges(found) == {("b", "c"): ("x",)}


def test_changing_in_place_makes_a_new_version() -> None:
    found = build(parsed("%%stage a\nxs = []", "%%stage b\nxs.append(1)", "%%stage c\nprint(xs)"))

    assert edges(found) == {("a", "b"): ("xs",), ("b", "c"): ("xs",)}
    assert found.edges[1].why.replace("line 2", "line 1") == (
        "`xs` is changed in place in cell 2, line 1, and read in cell 3, line 1"
    )


def test_a_function_takes_what_it_looks_up_to_whoever_calls_it() -> None:
    found = build(
        parsed(
            "%%stage a\nrate = 2\ndef inner(v): return v * rate\ndef outer(v): return inner(v)",
            "%%stage b\nrate = 3",
            "%%stage c\nprint(outer(1))",
        )
    )

    assert edges(found) == {("a", "c"): ("inner", "outer"), ("b", "c"): ("rate",)}


def test_a_function_that_changes_its_argument_changes_what_it_is_given() -> None:
    found = build(parsed("%%stage a\nxs = []\ndef add(v): v.append(1)", "%%stage b\nadd(xs)", "%%stage c\nprint(xs)"))

    assert ("b", "c") in edges(found)


def test_builtins_are_no_edges() -> None:
    found = build(
        parsed("%%stage a\nxs = [1]\nopen('o', 'w').write('x')\nlist(xs).append(2)", "%%stage b\nlist(xs)\nopen('o')")
    )

    assert edges(found) == {("a", "b"): ("xs",)}


def test_imports_are_no_edges() -> None:
    found = build(parsed("%%stage a\nimport math\nx = math.pi", "%%stage b\nprint(math.floor(x))"))

    assert edges(found) == {("a", "b"): ("x",)}


def test_what_is_read_below_is_kept() -> None:
    found = build(parsed("%%stage a\nx = y = z = 1", "%%stage b\nprint(x)", "%%stage c\nprint(z)"))

    assert {"x", "z", "print"} == found.keep(0)
    assert {"x", "z", "y", "print"} == found.keep(0, wanted={"y"})


def test_below_code_that_cannot_be_seen_everything_is_kept() -> None:
    found = build(parsed("%%stage a\nx = y = 1", "%%stage b\nprint(globals()['x'])"))

    assert {"x", "y"} <= found.keep(0)
    assert {"x", "y"} == found.stages[1].reads


def test_parameters_are_the_assignments_of_the_tagged_cell() -> None:
    found = build(parsed(("rows: int = 10\nname = 'a'", {"tags": ["parameters"]}), "%%stage a\nprint(rows, name)"))

    assert [(item.name, item.value) for item in found.parameters] == [("rows", "10"), ("name", "'a'")]


def test_what_a_function_looks_up_before_the_cell_sets_it_comes_from_above() -> None:
    found = build(parsed("%%stage a\nk = 1\ndef f(): return k", "%%stage b\nx = f()\nk = 20", "%%stage c\nk = 2\nf()"))

    assert {"f", "k"} == found.stages[1].reads
    assert {"f"} == found.stages[2].reads


def test_each_cell_knows_what_it_takes_from_which_stage() -> None:
    line = build(parsed("%%stage one\nx = y = 1", "%%stage two\nz = x", "print(z, y)"))

    assert [(cell.index, edge.source, names) for cell, edge, names in line.uses()] == [
        (1, "one", ("x",)),
        (2, "one", ("y",)),
    ]


def test_a_changed_function_changes_what_the_stages_below_read() -> None:
    below = "%%stage b\nprint(f())"
    first = build(parsed("%%stage a\nk = m = 1\ndef f(): return k", below))
    then = build(parsed("%%stage a\nk = m = 1\ndef f(): return m", below))

    assert [set(edge.names) for edge in (*first.edges, *then.edges)] == [{"f", "k"}, {"f", "m"}]


def test_a_reason_names_the_call_that_changes_or_looks_up() -> None:
    found = build(
        parsed(
            "%%stage a\nscale, rows = 2, []\ndef clean(rows, n=0): rows.append(scale)",
            "%%stage b\n\nclean(rows, n=len(rows))",
            "%%stage c\nprint(rows)",
        )
    )
    reasons = {reason.name: str(reason) for edge in found.edges for reason in edge.reasons if edge.target == "b"}

    assert reasons["scale"] == (
        "`scale` is set in cell 1, line 2, and looked up when `clean` is called in cell 2, line 3"
    )
    assert found.edges[-1].why == (
        "`rows` is changed in place by `clean(rows)` in cell 2, line 3, and read in cell 3, line 2"
    )

"""What a notebook without a model publishes: what its last stages show and leave, or what it is told to."""

from __future__ import annotations

import base64
import json
from typing import Any

import pandas as pd
import pytest
from books import FOLDER, document, parsed

from nb2prod import notebook, pipeline
from nb2prod.candidates import offer, product

LOAD = "%%stage load\nimport pandas as pd\nraw = pd.read_csv('raw.csv')"
PNG = base64.b64encode(b"\x89PNG").decode()


def named(*cells: Any) -> product.Named:
    return product.named(pipeline.build(parsed(*cells)))


def test_what_the_last_stage_leaves_is_published_and_what_it_reads_is_not() -> None:
    found = named(LOAD, "%%stage sums\nby_day = raw.groupby('day').sum()\nfor day in by_day:\n    print(day)")

    assert found.tables == ("by_day",)
    assert not found.asked


def test_what_it_shows_comes_first() -> None:
    cells = [
        LOAD,
        "%%stage sums\nother = raw.sum()\nbest = raw.head()\nbest.head(3)",
        "display(other)\nbest.plot.bar()",
    ]

    assert named(*cells).tables == ("best", "other")


@pytest.mark.parametrize("code", ["raw.describe()", "raw['a']", "print(raw)", "f(raw)", "raw.groupby('a').sum()"])
def test_what_is_made_of_a_table_does_not_show_it(code: str) -> None:
    assert named(LOAD, f"%%stage sums\nmade = 1\n{code}").tables == ("made",)


def test_a_stage_that_only_draws_publishes_what_it_draws() -> None:
    sums = "%%stage sums\nby_day = raw.sum()"

    assert named(LOAD, sums, "%%stage draw\nplt.bar(by_day.index, by_day)").read == ("by_day",)


def test_the_table_and_the_picture_of_a_notebook_are_its_product() -> None:
    line = pipeline.build(notebook.parse(json.loads((FOLDER / "no_model.ipynb").read_text("utf-8")), "no_model.ipynb"))

    assert product.named(line).read == ("by_month",)
    assert product.named(line).stages == ("draw",)


def test_every_stage_that_no_other_needs_is_a_last_one() -> None:
    found = named(LOAD, "%%stage one\na = raw.sum()", "%%stage two\nb = raw.mean()")

    assert found.tables == ("a", "b")
    assert found.stages == ("one", "two")


def test_the_user_may_name_the_tables() -> None:
    assert named(LOAD, "%%stage sums --tables a,raw\na = b = raw.sum()").tables == ("a", "raw")
    assert named(LOAD, "%%stage sums --tables a\na = b = raw.sum()").asked


def test_a_stage_named_publish_is_the_product_whatever_comes_after() -> None:
    cells = [LOAD, "%%stage publish\na = raw.sum()", "%%stage check\nassert a.sum() > 0\nchecked = True"]

    assert named(*cells).tables == ("a",)
    assert named(*cells).asked


def test_a_model_comes_before_the_tables_beside_it_unless_these_are_asked_for() -> None:
    fit = "%%stage train\nmodel = LinearRegression()\nmodel.fit(raw[['a']], raw['b'])"
    table = "%%stage look\nmeans = raw.mean()"

    assert not offer.publishes(pipeline.build(parsed(LOAD, fit, table)))
    assert "means" not in offer.wanted(pipeline.build(parsed(LOAD, fit, table)))
    assert offer.publishes(pipeline.build(parsed(LOAD, fit, table.replace("look", "publish"))))
    assert offer.publishes(pipeline.build(parsed(LOAD, table)))


def test_a_run_keeps_what_will_be_published_or_called() -> None:
    serve = "%%stage serve\ndef predict(x):\n    return x\nrow = 1\npredict(row)"

    assert offer.wanted(pipeline.build(parsed(LOAD, "%%stage sums\na = raw.sum()"))) == {"a", "raw"}
    assert offer.wanted(pipeline.build(parsed(LOAD, serve))) == {"predict", "row"}


def test_only_tables_are_taken_each_once() -> None:
    frame = pd.DataFrame({"a": [1]})
    space = {"a": frame, "b": frame, "c": pd.Series([1]), "n": 3, "kind": pd.DataFrame}

    assert list(product.tables(["a", "b", "c", "n", "kind", "gone"], space)) == ["a", "c"]


def drawn(*outputs: tuple[str, dict[str, Any]]) -> tuple[product.Figure, ...]:
    made = document(*(source for source, _ in outputs))
    for cell, (_, data) in zip(made["cells"], outputs, strict=True):
        cell["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}] if data else []
    made["cells"].insert(
        len(outputs) - 1, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Sales\n", "## By *day*"]}
    )
    line = pipeline.build(notebook.parse(made, "test.ipynb"))
    return product.figures(made, line, product.named(line).stages)


def test_figures_are_those_of_the_last_stages_under_the_heading_above_them() -> None:
    (figure,) = drawn(
        (LOAD, {"image/png": PNG}), ("%%stage sums\nraw.plot()", {"image/png": PNG, "text/plain": "<Axes>"})
    )

    assert (figure.name, figure.title) == ("sums", "By day")
    assert figure.forms == {"png": b"\x89PNG"}


def test_figures_of_other_stages_are_taken_where_the_last_ones_have_none() -> None:
    (figure,) = drawn((LOAD, {"image/svg+xml": ["<svg ", "/>"]}), ("%%stage sums\nraw.sum()", {}))

    assert (figure.name, figure.title) == ("load", "Load")
    assert figure.forms == {"svg": b"<svg />"}


def test_figures_that_a_library_draws_are_kept_as_it_describes_them() -> None:
    plotly, vega = (
        {"application/vnd.plotly.v1+json": {"data": []}},
        {"application/vnd.vegalite.v5+json": {"mark": "bar"}},
    )
    first, second = drawn((f"{LOAD}\nraw", plotly), ("raw.plot()", vega | {"image/png": PNG}))

    assert first.forms == {"json": b'{"data": []}'}
    assert second.name == "load_2"
    assert second.forms == {"png": b"\x89PNG", "json": b'{"mark": "bar"}'}


def test_what_a_notebook_would_ship_is_told_by_its_code() -> None:
    fit = "%%stage train\nfrom sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit(X, y)"
    table = "%%stage look\nmeans = raw.mean()\nmeans"
    call = "%%stage serve\ndef predict(x: int): return x"

    def told(*cells: str) -> tuple[str, tuple[str, ...], bool]:
        found = offer.of(pipeline.build(parsed(LOAD, *cells)))
        return found.kind, found.names, found.sure

    assert told(fit) == ("model", ("model",), True)
    assert told(table) == ("tables", ("means",), False)
    assert told(table.replace("look", "publish")) == ("tables", ("means",), True)
    assert told(fit, call) == ("function", ("predict",), True)

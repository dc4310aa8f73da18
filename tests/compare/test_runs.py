from __future__ import annotations

import base64
import io
from datetime import date
from typing import Any

import pytest
from PIL import Image

from nb2prod.compare import runs
from nb2prod.compare.runs import Difference, Verdict

TODAY = date(2026, 11, 22)


def found(straight: list[dict[str, Any]], staged: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(d.code, d.message) for d in runs.outputs(straight, staged, today=TODAY)]


def stream(text: str | list[str], name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def result(**forms: Any) -> dict[str, Any]:
    names = {"plain": "text/plain", "html": "text/html", "png": "image/png", "json": "application/vnd.plot+json"}
    return {"output_type": "execute_result", "metadata": {}, "data": {names[k]: v for k, v in forms.items()}}


def picture(color: str, *, optimize: bool = False) -> str:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), color).save(file, "png", optimize=optimize, compress_level=9 if optimize else 0)
    return base64.b64encode(file.getvalue()).decode()


def test_text_is_the_same_in_however_many_pieces() -> None:
    assert found([stream("a\n"), stream("b\n")], [stream(["a\n", "b\n"])]) == []


def test_the_first_line_that_differs_is_shown() -> None:
    straight, staged = [stream("at 0xabcdef12\nrows: 3\nend\n")], [stream("at 0xabcdef99\nrows: 4\nend\n")]

    assert found(straight, staged) == [("NB211", '"rows: 3" straight, "rows: 4" staged')]


def test_tables_are_compared_in_every_form() -> None:
    same = result(plain="a\n1 ...", html="<table id='x1'><td>1</td><td>2</td></table>")
    other = result(plain="a\n1 ...", html="<table id='x2'><td>1</td><td>2</td></table>")
    wrong = result(plain="a\n1 ...", html="<table id='x2'><td>1</td><td>3</td></table>")

    assert found([same], [other]) == []
    assert [code for code, _ in found([same], [wrong])] == ["NB212"]


def test_images_are_compared_by_their_pixels() -> None:
    assert picture("red") != picture("red", optimize=True)
    assert found([result(png=picture("red"))], [result(png=picture("red", optimize=True))]) == []
    assert [code for code, _ in found([result(png=picture("red"))], [result(png=picture("blue"))])] == ["NB212"]


def test_structured_results_are_compared_by_their_numbers() -> None:
    assert found([result(json={"y": [0.1 + 0.2]})], [result(json={"y": [0.3]})]) == []
    ((_, said),) = found([result(json={"y": [0.1, 0.2]})], [result(json={"y": [0.1, 0.3]})])
    assert said == "application/vnd.plot+json['y'][1]: 0.2 straight, 0.3 staged"


@pytest.mark.parametrize(
    ("straight", "staged", "code"),
    [
        ([result(plain="1")], [], "NB212"),
        ([result(plain="1")], [result(plain="1", html="1")], "NB212"),
        ([{"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}], [], "NB213"),
        ([stream("careful", "stderr")], [], "NB215"),
    ],
)
def test_each_kind_of_difference_has_its_code(straight: Any, staged: Any, code: str) -> None:
    assert [code] == [item for item, _ in found(straight, staged)]


def test_tracebacks_and_counts_are_no_results() -> None:
    mine = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": ["a"]}

    assert found([mine], [{**mine, "traceback": ["b"]}]) == []
    assert found([{**result(plain="1"), "execution_count": 1}], [{**result(plain="1"), "execution_count": 9}]) == []


def test_what_differs_between_straight_runs_is_not_ours() -> None:
    ours = Difference(kind="printed", cell=1)
    clock = Difference(kind="result", cell=2)
    warned = Difference(kind="warned", cell=3)
    value = Difference(kind="value", cell=1, stage="fit", name="x")
    verdict = runs.judged([ours, clock, warned, value], [clock, value], Verdict(cells=4))

    assert ((ours,), (clock, value), (warned,)) == (verdict.differences, verdict.unstable, verdict.notes)
    assert not verdict.equal
    assert runs.judged([warned], [], Verdict(cells=4)).equal

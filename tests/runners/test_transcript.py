from __future__ import annotations

from pathlib import Path
from typing import Any

from nb2prod.runners.displays import identified
from nb2prod.runners.transcript import Outputs, Transcript, kept
from nb2prod.runners.truncation import Spill


def stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


def test_each_stretch_has_one_output_a_stream(tmp_path: Path) -> None:
    outputs = [stream("stderr", "1"), stream("stdout", "2"), stream("stderr", "3"), shown("x"), stream("stdout", "4")]

    assert kept(outputs, 0, Spill(path=tmp_path / "flood")) == [
        stream("stdout", "2"), stream("stderr", "13"), shown("x"), stream("stdout", "4"),
    ]  # fmt: skip


def test_what_a_carriage_return_overwrites_is_gone(tmp_path: Path) -> None:
    outputs = [stream("stdout", text) for text in ("10%\r", "20%", "\r30%\r\n", "a\rb\r", "c\r")]

    assert kept(outputs, 0, Spill(path=tmp_path / "flood")) == [stream("stdout", "30%\r\nc\r")]


def test_changes_can_be_told_at_any_moment(tmp_path: Path) -> None:
    page = Outputs()
    script = Transcript(tell=page.apply, spill=Spill(path=tmp_path / "flood"))
    script.begin(0, 0)
    texts = []
    for text in ("a", "b\rc", "\n", "\rd"):
        script.say("stdout", text)
        script.flush()
        texts.append(page.list()[0]["text"])

    assert texts == ["a", "c", "c\n", "c\n\rd"[:2] + "d"]


def test_a_display_changes_where_it_is_in_its_own_cell(tmp_path: Path) -> None:
    page = Outputs()
    script = Transcript(tell=page.apply, spill=Spill(path=tmp_path / "flood"))
    script.begin(0, 0)
    script.show(shown("old"), "id")
    script.update("id", shown("new"))

    assert page.list() == [identified(shown("new"), "id")]


def test_an_update_of_another_cells_display_is_an_output_that_parts_no_stream(tmp_path: Path) -> None:
    page = Outputs()
    script = Transcript(tell=page.apply, spill=Spill(path=tmp_path / "flood"))
    script.begin(1, 1)
    for text in ("a", "b"):
        script.say("stdout", text)
        script.update("id", shown(text))
    script.end()

    assert page.list() == [
        identified({**shown("b"), "output_type": "update_display_data"}, "id"), stream("stdout", "ab"),
    ]  # fmt: skip


def test_outputs_are_cleared_when_the_next_one_comes(tmp_path: Path) -> None:
    page = Outputs()
    script = Transcript(tell=page.apply, spill=Spill(path=tmp_path / "flood"))
    script.begin(0, 0)
    script.say("stdout", "a")
    script.show(shown("x"))
    script.clear(wait=True)
    before = len(page.list())
    script.say("stdout", "b")
    script.end()

    assert (before, page.list()) == (2, [stream("stdout", "b")])


def test_nothing_is_written_when_there_is_no_flood(tmp_path: Path) -> None:
    kept([stream("stdout", "a" * 1_000_000)], 0, Spill(path=tmp_path / "flood"))

    assert not (tmp_path / "flood").exists()


def test_a_page_with_its_scripts_is_kept_and_a_huge_one_is_not(tmp_path: Path) -> None:
    spill = Spill(path=tmp_path / "flood")
    pages = [{**shown("p"), "data": {"text/html": "h" * size, "text/plain": "p"}} for size in (5_000_000, 20_000_000)]
    small, large = kept(pages, 0, spill)

    assert len(small["data"]["text/html"]) == 5_000_000
    assert "text/html" not in large["data"]
    assert str(tmp_path / "flood") in large["data"]["text/plain"]


def test_a_flush_after_the_end_takes_nothing_back(tmp_path: Path) -> None:
    page = Outputs()
    script = Transcript(tell=page.apply, spill=Spill(path=tmp_path / "flood"))
    script.begin(0, 0)
    script.say("stdout", "x\n" * 2_000_000 + "end\n")
    script.end()
    script.flush()

    assert page.list()[0]["text"].endswith("x\nend\n")

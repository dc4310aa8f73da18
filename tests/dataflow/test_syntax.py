from __future__ import annotations

import pytest
from books import parsed

from nb2prod import checks, pipeline
from nb2prod.dataflow import Unparsable, analyse, parse


@pytest.mark.parametrize(
    ("source", "reason", "line"),
    [
        ("x = " + " + ".join(["1"] * 20_000), "nested too deeply", 1),
        ("x = 1\ny = '\ud800'", "lone surrogate", 2),
        ("x = '\0'", "null byte", 1),
        ("x = 1\ny = (", "never closed", 2),
    ],
)
def test_what_python_cannot_read_has_a_reason_and_a_line(source: str, reason: str, line: int) -> None:
    with pytest.raises(Unparsable) as caught:
        parse(source)

    assert reason in caught.value.reason
    assert caught.value.line == line


def test_what_python_can_read_and_we_cannot_follow_is_a_finding() -> None:
    source = "x = " + " + ".join(["1"] * 900)
    with pytest.raises(Unparsable, match="nested too deeply"):
        analyse(source)

    assert [finding.code for finding in checks.check(pipeline.build(parsed(source)))] == ["NB102"]

from __future__ import annotations

from datetime import date

import pytest

from nb2prod.compare.texts import same_text, visible

TODAY = date(2026, 11, 22)

SAME = [
    ("accuracy 0.8712345678", "accuracy 0.8712345679"),
    ("<Model at 0x7f12ab34cd56>", "<Model at 0x7f99ab34cd56>"),
    ("took 1.23 s", "took 12 ms"),
    ("CPU times: user 3 ms, sys: 1 ms, total: 4 ms", "CPU times: user 12 ms, sys: 0 ms, total: 12 ms"),
    ("wrote /tmp/tmpab12/x.csv", "wrote /tmp/tmpzz9/x.csv"),
    ("/tmp/ipykernel_12/345.py:3: UserWarning: odd", "/tmp/ipykernel_99/7.py:3: UserWarning: odd"),
    ("pid 4711", "pid 12"),
    ("now 2026-11-22 01:02:03.5", "now 2026-11-20 23:59:59"),
    ("started 10:11:12", "started 9:59:01"),
    ("50%|##   |\r100%|#####|\ndone", "100%|#####|\ndone"),
    ("\x1b[31mred\x1b[0m", "red"),
    ("       x\n 1.23456789", "        x\n 1.234567891"),
    ("nan", "nan"),
]
DIFFERENT = [
    ("3 rows", "4 rows"),
    ("accuracy 0.87", "accuracy 0.88"),
    ("from 2020-01-01 on", "from 2020-01-02 on"),
    ("from 2020-01-01 on", "from 2026-11-22 on"),
    ("a b", "a  b"),
    ("1", "1.0"),
    ("1.5 apples", "1.5 pears"),
    ("x1", "x2"),
    ("", "something"),
    ("1e300", "1e301"),
]


@pytest.mark.parametrize(("straight", "staged"), SAME)
def test_what_any_two_processes_say_differently_is_the_same(straight: str, staged: str) -> None:
    assert same_text(straight, staged, today=TODAY)


@pytest.mark.parametrize(("straight", "staged"), DIFFERENT)
def test_what_a_reader_would_take_for_another_result_is_not(straight: str, staged: str) -> None:
    assert not same_text(straight, staged, today=TODAY)


def test_a_clock_does_not_hide_what_stands_beside_it() -> None:
    assert not same_text("took 1.2 s: 5 rows", "took 1.3 s: 6 rows", today=TODAY)


def test_html_is_what_its_reader_sees() -> None:
    styled = "<style>#T_ab1 {color: red}</style><table id='T_ab1'><tr><td>1.5</td></tr></table><script>x(1)</script>"
    other = "<style>#T_cd2 {color: red}</style><table id='T_cd2'><tr><td>1.5</td></tr></table><script>x(2)</script>"

    assert visible(styled) == visible(other)
    assert "1.5" in visible(styled)

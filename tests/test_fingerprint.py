from __future__ import annotations

from books import parsed

from nb2prod import fingerprint


def of(*sources: str) -> str:
    return fingerprint.of_code(parsed(*sources).cells)


def test_comments_layout_and_empty_cells_do_not_count() -> None:
    assert of("x = 1") == of("# why\nx  =  1  # so\n", "")


def test_code_and_docstrings_count() -> None:
    assert of("x = 1") != of("x = 2")
    assert of("def f():\n    'a'") != of("def f():\n    'b'")


def test_magics_count() -> None:
    assert of("%matplotlib inline") != of("%matplotlib agg")


def test_a_difference_is_said_in_words() -> None:
    old = {"its code": "a", "package pandas": "2.2", "file 'x.csv'": "1"}
    new = {"its code": "b", "package pandas": "3.1", "`df`": "2"}

    assert (
        fingerprint.difference(new, old)
    ) == "`df` is new, file 'x.csv' is gone, its code changed, package pandas went from 2.2 to 3.1"
    assert fingerprint.key(old) != fingerprint.key(new)

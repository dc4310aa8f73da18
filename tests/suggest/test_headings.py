from __future__ import annotations

import pytest

from nb2prod.suggest.headings import Heading, headings, name_of


def found(source: str) -> list[tuple[int, str]]:
    return [(heading.level, heading.text) for heading in headings(source)]


def test_titles_are_read_in_every_way_that_people_write_them() -> None:
    source = (
        "# 1. One #\ntext\n\nTwo\n---\n<h3 align='center'>Three <i>x</i></h3>\n**Bold:**\n"
        "```\n# no title\n```\n#hashtag\n#### [Linked](http://a) `code`"
    )

    assert found(source) == [(1, "One"), (2, "Two"), (3, "Three x"), (7, "Bold"), (4, "Linked code")]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Load the data", "load_data"),
        ("3.2) Random Forest", "random_forest"),
        ("Größe", "groe"),
        ("2020 results", "results"),
        ("日本", ""),
    ],
)
def test_a_name_is_made_of_telling_words(title: str, name: str) -> None:
    (heading,) = headings(f"## {title}")

    assert heading == Heading(level=2, text=heading.text)
    assert name_of(heading.text) == name

"""Heading: a title in a notebook's markdown, which says where a part begins and what it is about."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 7  # a line of bold text stands below all levels of Markdown

_HASHES = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t#]*$")
_HTML = re.compile(r"\s*<h([1-6])[^>]*>(.*?)</h\1>", re.IGNORECASE)
_BOLD = re.compile(r"\s*(?:\*\*|__)([^*_]+?):?(?:\*\*|__):?\s*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"<[^>]+>|[*_`$\\]|:\w+:")
_NUMBER = re.compile(r"^(?:(?:chapter|part|section|step)\s*)?[\divx]+(?:[.\-]\d+)*[.):\-–—]*\s+", re.IGNORECASE)  # noqa: RUF001
_IDLE = frozenset(
    """
    a an and as at by chapter do example for from get hands here how in into is it its let lets me more my now of on or
    our out part project section so some step that the this to us use using via we what why with you your
    """.split()  # noqa: SIM905 - read more easily than a list of quoted words
)


@frozen(kw_only=True)
class Heading:
    """A title and its level, from 1."""

    level: int
    text: str


def headings(source: str) -> Iterator[Heading]:
    """Yield the titles of a Markdown cell, in order."""
    fenced = False
    above = ""
    for line in source.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            if found := _HASHES.match(line):
                yield Heading(level=len(found[1]), text=plain(found[2]))
            elif found := _HTML.match(line):
                yield Heading(level=int(found[1]), text=plain(found[2]))
            elif found := _BOLD.match(line):
                yield Heading(level=DEEPEST, text=plain(found[1]))
            elif (found := _UNDERLINE.match(line)) and above.strip():
                yield Heading(level=1 if found[1][0] == "=" else 2, text=plain(above))
        above = line


def plain(text: str) -> str:
    """Return a title without its markup and number."""
    text = _MARKUP.sub("", _LINK.sub(r"\1", text)).strip()
    return _NUMBER.sub("", text).strip() or text


def name_of(text: str, words: int = 3) -> str:
    """Make a stage's name of the first telling words of a title; empty when it has none."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    found = [word for word in re.findall(r"[a-z0-9]+", ascii_only.replace("'", "")) if word not in _IDLE]
    while found and not found[0][0].isalpha():
        found.pop(0)
    return "_".join(found[:words])

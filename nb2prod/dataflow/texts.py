"""Texts: what a cell looks at that its words tell better than its syntax, be they in a magic's line or in a string.

Seeing too much costs a rerun at most, so no more is asked than that the words are there.
"""

from __future__ import annotations

import re

_VARIABLE = re.compile(
    r"""environ (?: \.\w+\( | \[ ) \s* (['"]) (?P<item>.+?) \1
      | getenv\( \s* (['"]) (?P<got>.+?) \3
      | (['"]) (?P<asked>[^'"\n]+) \5 \s+ (?:not\s+)? in \s+ (?:os\.)? environ\b""",
    re.VERBOSE,
)
_QUOTES = re.compile(r"\?\?|\b(?:getsource|getsourcelines|getcomments|findsource|pinfo2|psource|pfile)\b")


def variables(source: str) -> set[str]:
    """Return the environment variables whose names are written out where they are looked up."""
    if "env" not in source:
        return set()
    return {found["item"] or found["got"] or found["asked"] for found in _VARIABLE.finditer(source)}


def quotes(source: str) -> bool:
    """Say whether a cell looks at the text of what is defined above it."""
    return _QUOTES.search(source) is not None

"""Likeness: when two printed texts say the same, though the clock, the process or the last digit differ."""

from __future__ import annotations

import html.parser
import math
import re
from datetime import date, timedelta

RELATIVE = 1e-6  # numbers this close to each other, relative to the larger, are the same
ABSOLUTE = 1e-12  # and those this close to zero

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UNIT = r"(?:ns|µs|us|μs|ms|s|sec|secs|seconds?|min|mins|minutes?|h|hours?|it/s|s/it)\b"
# What differs from process to process, and numbers. The first that fits counts.
_TOKENS = re.compile(
    r"(?P<uuid>\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"
    r"|(?P<address>\b0x[0-9a-fA-F]{6,})"
    r"|(?P<cell>(?:/[^\s'\"<>]*/)?ipykernel_\d+/\d+\.py|<ipython-input-[^>]*>)"
    r"|(?P<path>(?:/var/folders|/var/tmp|/tmp)/[^\s'\"<>,;:)\]]+)"
    r"|(?P<date>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
    r"|(?P<time>\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b)"
    r"|(?P<took>(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?\s?" + _UNIT + r")"
    r"|(?P<pid>(?<=pid)[ =:]*\d+|(?<=PID)[ =:]*\d+)"
    r"|(?P<number>(?<![A-Za-z_])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)"
)
_ALWAYS = {"uuid", "address", "cell", "path", "time", "took", "pid"}
_RULES = re.compile(r"[-=_─]{2,}|\s+")


def same_text(straight: str, staged: str, *, today: date) -> bool:
    """Say whether two texts say the same.

    Clock times, durations, addresses, temporary paths and process ids may be any; a date may differ when the straight
    run's is that of the run (`today`, or a day beside it); numbers with a fraction may differ by the tolerance.
    """
    mine, theirs = _plain(straight), _plain(staged)
    if mine == theirs:
        return True
    a, b = list(_TOKENS.finditer(mine)), list(_TOKENS.finditer(theirs))
    if [m.lastgroup for m in a] != [m.lastgroup for m in b]:
        return False
    # Columns are padded and ruled to the width of what they hold.
    if [_RULES.sub(" ", t) for t in _between(mine, a)] != [_RULES.sub(" ", t) for t in _between(theirs, b)]:
        return False
    pairs = [(x.lastgroup or "", x.group(), y.group()) for x, y in zip(a, b, strict=True)]
    if all(x == y for _, x, y in pairs):
        return False  # only the white space differs, and nothing that explains it
    return all(x == y or _alike(kind, x, y, today) for kind, x, y in pairs)


def close(a: float, b: float) -> bool:
    """Say whether two numbers are the same within the tolerance; «not a number» is the same as itself."""
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (math.isnan(a) and math.isnan(b))


def visible(markup: str) -> str:
    """Return what a reader of HTML sees; ids, styles and scripts are new in every process."""
    reader = _Reader()
    reader.feed(markup)
    return "".join(reader.texts)


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._hidden += tag in {"style", "script"}
        self.texts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


def _plain(text: str) -> str:
    """Leave out colours, what a carriage return wrote over, and blanks at the ends of lines."""
    lines = _ANSI.sub("", text.replace("\r\n", "\n")).split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2].rstrip() for line in lines).strip("\n")


def _between(text: str, tokens: list[re.Match[str]]) -> list[str]:
    ends = [0, *(token.end() for token in tokens)]
    starts = [*(token.start() for token in tokens), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


def _alike(kind: str, straight: str, staged: str, today: date) -> bool:
    if kind in _ALWAYS:
        return True
    if kind == "date":
        # A stage that is reused may have looked at the clock long ago.
        return _near(straight, today) and _before(staged, today)
    fraction = set(".eE")
    return bool(fraction & set(straight) and fraction & set(staged)) and close(float(straight), float(staged))


def _near(text: str, today: date) -> bool:
    found = _day(text)
    return found is not None and abs(found - today) <= timedelta(days=1)


def _before(text: str, today: date) -> bool:
    found = _day(text)
    return found is not None and found <= today + timedelta(days=1)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None

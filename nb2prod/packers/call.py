"""Call: a request to a service, with the answer that is right."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

# How near numbers must be: a model may add up in another order when it gets fewer rows at once.
CLOSE = 1e-9


@frozen(kw_only=True)
class Call:
    """What a rehearsal asks a service by `POST /predict`, or by `GET` of another path."""

    request: Mapping[str, Any] | None = None  # None to get something
    answer: Any  # JSON; of an object in it, what must be there
    first: int = 0  # the number of its first row, for people
    path: str = "/predict"
    close: float = CLOSE  # how near numbers must be

    @property
    def rows(self) -> int:
        """Return how many rows are answered; an answer that has none counts as one."""
        answer = self.answer["rows"] if isinstance(self.answer, dict) and "rows" in self.answer else self.answer
        return len(answer) if isinstance(answer, list) else 1


@frozen(kw_only=True)
class Fault:
    """A request that a service must refuse as the client's fault, and the word by which it must say why."""

    request: Mapping[str, Any] | None = None
    word: str
    path: str = "/predict"


@frozen(kw_only=True)
class Blob:
    """What a service must give out byte by byte."""

    path: str
    sha256: str


def differences(call: Call, said: Any) -> Iterator[str]:
    """Describe where an answer is not the one that is right."""
    if not isinstance(call.answer, list) or not isinstance(said, list) or len(said) != len(call.answer):
        if not agrees(call, said):
            yield f"the notebook says {_shown(call.answer)}, the service {_shown(said)}"
        return
    for number, (right, answer) in enumerate(zip(call.answer, said, strict=True), call.first + 1):
        if isinstance(right, dict) and isinstance(answer, dict):
            for key, value in right.items():
                if not same(value, answer.get(key), close=call.close):
                    own = "" if key == "prediction" else f" as {key}"
                    yield f"row {number}: the notebook says {_shown(value)}{own}, the service {_shown(answer.get(key))}"
        elif not same(right, answer, close=call.close):
            yield f"row {number}: the notebook says {_shown(right)}, the service {_shown(answer)}"


def agrees(call: Call, said: Any) -> bool:
    """Say whether an answer holds what it must; an object may hold more."""
    right = call.answer
    if isinstance(right, dict) and isinstance(said, dict):
        return all(key in said and same(value, said[key], close=call.close) for key, value in right.items())
    return same(right, said, close=call.close)


def same(expected: Any, said: Any, *, close: float = CLOSE, least: float | None = None) -> bool:
    """Compare two values: classes exactly, numbers as closely as any order of adding up gives them."""
    if isinstance(expected, dict):
        known = isinstance(said, dict) and said.keys() == expected.keys()
        # Parts of a whole, such as probabilities, are as near as the whole is.
        return known and all(same(value, said[key], close=close, least=close) for key, value in expected.items())
    if isinstance(expected, list):
        return (
            isinstance(said, list)
            and len(said) == len(expected)
            and all(same(one, other, close=close, least=least) for one, other in zip(expected, said, strict=True))
        )
    if isinstance(expected, float) and isinstance(said, int | float) and not isinstance(said, bool):
        return math.isclose(expected, said, rel_tol=close, abs_tol=close**2 if least is None else least)
    return bool(expected == said) and isinstance(expected, bool) == isinstance(said, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else text[:297] + "..."

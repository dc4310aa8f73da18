"""Answer: what a model says of a request's rows, as the service writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .faults import Fault, Refused
from .heads import Matrix
from .table import Rows

SHOWN = 10  # classes or outputs that are watched one by one
Answer = tuple[Matrix, Matrix | None]  # predictions, probabilities


def finite(answer: Answer, rows: Rows) -> Answer:
    """Return an answer, if it is one: JSON has no NaN, and nobody asked for infinity.

    Raises:
        Refused: Some of it is not finite.
    """
    for part in answer:
        if part is not None and part.dtype.kind == "f" and not np.isfinite(part).all():
            bad = np.flatnonzero(~np.isfinite(part.reshape(rows.count, -1)).all(axis=1))
            raise unanswered(bad.tolist(), "the model's answer is not a finite number")
    return answer


def told(schema: Mapping[str, Any], rows: Rows, answer: Answer) -> list[dict[str, Any]]:
    """Write an answer row by row, with what was odd about the row."""
    predicted, chances = answer
    made: list[dict[str, Any]] = [{"prediction": value} for value in predicted.tolist()]
    if chances is not None and schema["probabilities"]:
        for one, row in zip(made, chances.tolist(), strict=True):
            one["probabilities"] = dict(zip(schema["classes"], row, strict=True))
    for number, faults in rows.warnings.items():
        made[number]["warnings"] = [{"field": f.field, "type": f.code, "msg": f.message} for f in faults]
    return made


def columns(rows: Rows, answer: Answer) -> list[Matrix]:
    """Return the values of each field of some rows, and then what is said of them, as `names` names it."""
    return [*map(summed, rows.arrays), *spoken(answer, rows.count)]


def summed(array: Matrix) -> Matrix:
    """Return one number of each row of an array of more dimensions: its mean."""
    found: Matrix = array.reshape(len(array), -1).mean(axis=1) if array.ndim > 1 else array
    return found


def spoken(answer: Answer, count: int) -> list[Matrix]:
    """Return what is said of so many rows: the prediction, or each of several, and probabilities."""
    predicted, chances = answer
    told = () if chances is None else _telling(chances.T)
    return [*predicted.reshape(count, -1).T[:SHOWN], *told]


def names(schema: Mapping[str, Any], answer: Answer) -> list[str]:
    """Name what `spoken` gives."""
    predicted, chances = answer
    many = predicted.shape[1] if predicted.ndim > 1 else 1
    told = ["prediction"] if many == 1 else [f"prediction {n + 1}" for n in range(many)[:SHOWN]]
    return told + ([] if chances is None else [f"probability of {name}" for name in _telling(schema["classes"])])


def _telling(classes: Any) -> Any:
    """Leave out the first of two, which the other one tells as well."""
    return classes[-1:] if len(classes) == 2 else classes[:SHOWN]


def unanswered(rows: Sequence[int], why: str) -> Refused:
    """Refuse a request whose rows are well-formed and that the model cannot answer."""
    faults = [Fault(code="no_answer", message=why, row=row) for row in rows]
    return Refused(422, f"The model has no answer for {len(faults):,} of the rows.", faults)

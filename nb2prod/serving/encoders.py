"""Lookup: an encoder's own answer to every category, asked once and looked up from then on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from .heads import Matrix, Unknown, is_nan, unnamed
from .table import Rows


@frozen
class Lookup:
    """What an encoder does that treats each column for itself: its own answer to every category, looked up."""

    tables: Sequence[Answers]

    @classmethod
    def of(cls, part: Any) -> Lookup:
        """Ask a fitted encoder for all its answers."""
        return cls([_answers(part, n) for n in range(len(part.categories_))])

    def __call__(self, given: Matrix) -> Matrix:
        """Encode a matrix."""
        return np.hstack([table.of(given[:, n].tolist()) for n, table in enumerate(self.tables)])

    def columns(self, rows: Rows, places: Sequence[int]) -> Matrix:
        """Encode columns of a request; those whose different values are known need one look at each of these."""
        blocks = []
        for table, n in zip(self.tables, places, strict=True):
            coded = rows.coded.get(n)
            if coded is None:
                blocks.append(table.of(rows.arrays[n].tolist()))
            else:
                blocks.append(table.of(list(coded.names)).take(coded.places, axis=0))
        return np.hstack(blocks)


@frozen(kw_only=True)
class Answers:
    """An encoder's answer to each value of one column."""

    places: Mapping[Any, int]  # category → line
    gap: int  # the line of what is missing
    other: int  # the line of any other value; -1 for none, also above
    lines: Matrix

    def of(self, values: list[Any]) -> Matrix:
        """Look values up.

        Raises:
            ValueError: One was not seen in training, and the encoder has no answer to that.
        """
        try:
            found = np.fromiter(map(self.places.__getitem__, values), dtype=np.intp, count=len(values))
        except KeyError:
            get, gap, other = self.places.get, self.gap, self.other
            found = np.array([gap if is_nan(v) else get(v, other) for v in values], dtype=np.intp)
            if (found < 0).any():
                raise ValueError("a category that was not seen in training") from None
        return self.lines.take(found, axis=0)


def _answers(part: Any, number: int) -> Answers:
    """Ask an encoder for its answer to each category of one column."""
    own = unnamed(part)
    seen = list(part.categories_[number])
    asked: list[list[Any]] = [[categories[0] for categories in part.categories_] for _ in seen]
    for row, category in zip(asked, seen, strict=True):
        row[number] = category
    other = -1
    if part.handle_unknown in {"ignore", "infrequent_if_exist", "use_encoded_value"}:
        strange = list(asked[0])
        texts = isinstance(seen[0], str) or seen[0] is None
        strange[number] = "\0 never seen \0" if texts else max((v for v in seen if not is_nan(v)), default=0) + 1
        other = len(asked)
        asked.append(strange)
    kinds = {c.dtype for c in part.categories_}
    kind = kinds.pop() if len(kinds) == 1 else np.dtype(object)
    made = np.empty((len(asked), len(part.categories_)), dtype=object if kind.kind in "OUST" else kind)
    made[:] = asked
    found = own.transform(made)
    whole = np.asarray(found.toarray() if hasattr(found, "toarray") else found)
    widths = _widths(part, whole.shape[1])
    start = sum(widths[:number])
    names = [x.item() if hasattr(x, "item") else x for x in seen]
    return Answers(
        places={name: n for n, name in enumerate(names) if not is_nan(name)},
        gap=next((n for n, name in enumerate(names) if is_nan(name)), other),
        other=other,
        lines=np.ascontiguousarray(whole[:, start : start + widths[number]]),
    )


def _widths(part: Any, total: int) -> list[int]:
    widths = [int(n) for n in getattr(part, "_n_features_outs", [1] * len(part.categories_))]
    if sum(widths) != total:
        raise Unknown("an encoder of another kind")
    return widths

"""Clue: what a notebook's code says about a model it fits, the rows it learns from and the rows that judge it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from attrs import frozen

from nb2prod.candidates.expressions import names_in, text
from nb2prod.candidates.vocabulary import OTHERS


@frozen(kw_only=True)
class Pair:
    """Rows and their labels, as expressions over the notebook's names (`X_test`, `test["price"]`)."""

    rows: str
    labels: str | None = None
    groups: tuple[str, ...] = ()  # of ranked rows: where the notebook may say which query each belongs to


@frozen(kw_only=True)
class Clue:
    """One name that the code treats as a model; the likeliest pairs come first."""

    model: str
    cell: int
    train: tuple[Pair, ...] = ()
    held: tuple[Pair, ...] = ()
    exported: bool = False  # to a graph, which is what answers then
    rival: bool = False  # of a stage that makes what the model is compared with
    loaded: bool = False  # from a file
    options: tuple[tuple[str, str], ...] = ()  # that it is asked for answers with, as expressions
    several: bool = False  # its value holds models that were fitted in a loop

    @property
    def names(self) -> frozenset[str]:
        """Return the names that must still be there when the notebook has ended."""
        pairs = (*self.train, *self.held)
        texts = {self.model, *(p.rows for p in pairs), *(p.labels for p in pairs if p.labels)}
        texts |= {group for pair in pairs for group in pair.groups}
        return frozenset(name for text in texts for name in names_in(text))


@frozen
class Judged:
    """A pair that was seen with a model; the lower the rank, the better the evidence."""

    rank: int
    model: str
    pair: Pair


def pair_of(given: list[ast.expr]) -> Pair | None:
    """Read the first two arguments as rows and labels."""
    if not given or isinstance(given[0], ast.Constant):
        return None
    return Pair(rows=text(given[0]), labels=text(given[1]) if len(given) > 1 else None)


def likely(rows: str, train: Iterable[Pair]) -> Iterator[str]:
    """Yield what the labels of rows are likely called: `y_test` where `X_train, y_train` became `X_test`."""
    for pair in train:
        for word in OTHERS:
            if pair.labels and rows == pair.rows.replace("train", word) != pair.rows:
                yield pair.labels.replace("train", word)

"""Draw: what a resample draws anew: rows one by one, groups of rows that are alike, or blocks of neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import field, frozen

from nb2prod.evaluate import ranking
from nb2prod.evaluate.truth import Truth

ROUNDS = 400  # resamples
CELLS = 4_000_000  # weights that are held at a time


@frozen(kw_only=True)
class Draw:
    """How resamples are drawn."""

    size: int  # rows, or queries of ranked rows
    units: float  # as many tell something of their own
    block: int = 1  # neighbours that are drawn together
    groups: Any = field(default=None, eq=False, repr=False)  # of each row, a number: those of a group are together

    @property
    def alone(self) -> bool:
        """Say whether each row tells something of its own."""
        return self.block == 1 and self.groups is None


def draw(kind: str, truth: Truth, losses: Any) -> Draw:
    """Say how resamples of held-out rows are to be drawn.

    Args:
        kind: Of the model.
        truth: Of the rows.
        losses: `(series, rows)`: how wrong models are, and by how much more one is than the other; of rows that
            follow each other, they tell how alike neighbours are.
    """
    import numpy as np

    rows = len(truth.labels)
    if kind == "ranking":
        size = sum(len(p) > 1 for p in ranking.queries(truth.groups))
        return Draw(size=size, units=size)
    if truth.groups is not None:
        groups = np.unique(np.asarray(truth.groups), return_inverse=True)[1]
        return Draw(size=rows, units=int(groups.max()) + 1, groups=groups)
    if kind != "forecast" and not truth.ordered:
        return Draw(size=rows, units=rows)
    alike = max(_alike(one) for one in losses)
    units = rows * (1 - alike) / (1 + alike)  # of a series of which each value depends on the one before
    block = max(rows ** (1 / 3), rows / units)
    return Draw(size=rows, units=units, block=max(2, min(round(block), rows)))


def resamples(drawn: Draw) -> Iterator[Any]:
    """Yield weights: how often each row, or query, counts in each of some resamples."""
    import numpy as np

    chance = np.random.default_rng(0)
    size, done, step = drawn.size, 0, max(1, CELLS // max(drawn.size, 1))
    while done < ROUNDS:
        rounds = min(step, ROUNDS - done)
        done += rounds
        if drawn.groups is not None:
            count = int(drawn.units)
            yield chance.multinomial(count, np.full(count, 1 / count), size=rounds).astype(float)[:, drawn.groups]
        elif drawn.block == 1:
            yield chance.multinomial(size, np.full(size, 1 / size), size=rounds).astype(float)
        else:  # Politis and Romano (1992): blocks go on at the start
            starts = chance.integers(size, size=(rounds, -(-size // drawn.block)))
            places = (starts[:, :, None] + np.arange(drawn.block)).reshape(rounds, -1)[:, :size] % size
            yield np.stack([np.bincount(row, minlength=size) for row in places]).astype(float)


def _alike(values: Any) -> float:
    """Return the correlation of neighbours, 0 where they are no more alike than others.

    Source:
        Kendall (1954), Biometrika 41:403-404, for what few values tell too little of it.
    """
    import numpy as np

    apart, count = values - values.mean(), len(values)
    spread = float((apart**2).sum())
    if count < 4 or spread == 0:
        return 0.0
    found = float((apart[1:] * apart[:-1]).sum()) / spread
    return float(np.clip((found * count + 1) / (count - 3), 0.0, 0.95))

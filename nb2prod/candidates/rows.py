"""Rows: what a model learnt from or is judged by, and whether the one is among the other."""

from __future__ import annotations

import math
from typing import Any

from attrs import field, frozen

from nb2prod.serving.tensors import Tensors

# A few rows that are equal prove nothing; nor do many, where most rows have a twin among those the model learnt from.
FEW, SHARE, MOST = 2, 0.01, 0.5
COPIED = 0.1  # of the rows of one frame: so many were copied before it was split, as those of a rare class are
ALONE = 0.9  # of the values of a column, so many are one row's only
RARE = 1e-4  # this unlikely, and it was not by chance
WIDE = 1000  # columns are enough to tell rows apart


@frozen(kw_only=True)
class Rows:
    """Rows and their labels, as long as each other."""

    x: Any = field(eq=False, repr=False)  # None of a series that goes on by itself
    y: Any = field(eq=False, repr=False)
    groups: Any = field(default=None, eq=False, repr=False)  # of each row: its query, or what makes it like others

    def __len__(self) -> int:
        return len(self.y)


def count(x: Any) -> int:
    """Say how many rows there are."""
    shape = getattr(x, "shape", None)  # a sparse matrix has a shape and no length
    return int(shape[0]) if shape else len(x)


def seen(held: Rows, train: Rows) -> int:
    """Count the rows that should judge a model and are among those it learnt from; 0 where chance makes as many."""
    import numpy as np

    if held.x is train.x:
        return len(held)
    learnt, judged = _keys(train, held)
    if not len(learnt) or not len(judged):
        return 0
    places = _places(held.x, train.x)
    both = places >= 0
    counts = np.unique(learnt, return_counts=True)[1].astype(float)
    # The chance that two rows are equal.
    alike = ((counts * (counts - 1)).sum() + 1) / (len(learnt) * (len(learnt) - 1) + 1)
    if (learnt[places[both]] == judged[both]).all() and alike ** both.sum() < RARE:
        found, limit = both.sum(), SHARE  # the index is that of the frame both come from
    else:
        split = (places == -1).all()  # one frame was split: what is equal was so before
        found, limit = np.isin(judged, learnt).sum(), _by_chance(counts, len(judged), MOST if split else SHARE)
        limit = min(limit, COPIED) if _measured(train.x, len(counts)) else limit
    return int(found) if found >= FEW and found > limit * len(judged) else 0


def _measured(x: Any, distinct: int) -> bool:
    """Say whether a column is measured so finely that no two rows have the same value, unless one is a copy."""
    floats = [column for column in _columns(x) if getattr(column.dtype, "kind", "") == "f"]
    return any(column.nunique() > ALONE * distinct and (column % 1 != 0).any() for column in floats)


def _by_chance(counts: Any, judged: int, share: float) -> float:
    """Return the share of new rows that may equal learnt ones, of which `counts` says how many are equal each."""
    learnt = float(counts.sum())
    twins = (float(counts[counts > 1].sum()) + 1) / (learnt + 1)
    spread = math.sqrt(twins * (1 - twins) * (1 / learnt + 1 / judged))
    return 1 if twins >= MOST else twins + max(4 * spread, (share + twins) * (1 - twins))


def _places(held: Any, train: Any) -> Any:
    """Say at which place of `train` each row of `held` is by its index, -1 for none, -2 when it cannot say."""
    import numpy as np
    import pandas as pd

    kinds = (pd.DataFrame, pd.Series)
    known = isinstance(held, kinds) and isinstance(train, kinds) and held.index.is_unique and train.index.is_unique
    return train.index.get_indexer(held.index) if known else np.full(count(held), -2)


def _keys(*several: Rows) -> tuple[Any, ...]:
    """Return a number for each row with its labels; equal rows have equal numbers, up to their last digits."""
    import numpy as np
    import pandas as pd
    from pandas.util import hash_pandas_object

    columns = [[*_columns(rows.x), *_columns(rows.y)] for rows in several]
    if len({len(of) for of in columns}) > 1:
        return tuple(np.zeros(0, dtype="uint64") for _ in several)  # there is nothing to compare
    keys = np.zeros(sum(map(len, several)), dtype="uint64")
    for parts_of in zip(*columns, strict=True):
        column = pd.concat(parts_of, ignore_index=True)
        if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
            with np.errstate(over="ignore"):
                column = column.astype("float32")
        if column.dtype == object and not column.map(type).isin((str, float, int, type(None))).all():
            column = column.map(repr)  # lists and the like
        keys = keys * np.uint64(1_000_003) + hash_pandas_object(column, index=False, categorize=False).to_numpy()
    return tuple(np.split(keys, np.cumsum([len(rows) for rows in several])[:-1]))


def _columns(x: Any) -> list[Any]:
    """Return rows, or labels, as columns without their index."""
    import numpy as np
    import pandas as pd

    if isinstance(x, Tensors):
        return [column for part in x.parts.values() for column in _columns(part)]
    if isinstance(x, pd.DataFrame):
        return [x.iloc[:, n] for n in range(0, x.shape[1], x.shape[1] // WIDE + 1)]
    if isinstance(x, pd.Series | list | tuple):
        return [pd.Series(x)]
    if hasattr(x, "tocsr"):  # a sparse matrix: sums with weights of their own tell its rows apart
        return _columns(x.tocsr() @ np.random.default_rng(0).random((x.shape[1], 3)))
    array = np.asarray(x)
    return _columns(pd.DataFrame(array.reshape(len(array), -1)))

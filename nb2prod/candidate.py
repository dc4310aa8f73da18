"""Candidate: the model a run would ship, with the rows it learnt from and the rows that judge it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from attrs import field, frozen

from nb2prod import clues
from nb2prod.clues import Clue, Pair, names_in
from nb2prod.pipeline import Pipeline
from nb2prod.refusals import HeldOutRowsMissing, ModelMissing, ModelsSeveral, TrainingRowsMissing

Kind = Literal["classification", "regression"]

# A few rows that are equal prove nothing; nor do many, where most rows have a twin among those the model learnt from.
FEW, SHARE, MOST = 2, 0.01, 0.5
RARE = 1e-4  # this unlikely, and it was not by chance
WIDE = 1000  # columns are enough to tell rows apart


@frozen(kw_only=True)
class Choice:
    """What the user named; None where the code shall tell."""

    model: str | None = None
    train: Pair | None = None
    held: Pair | None = None

    @property
    def names(self) -> frozenset[str]:
        """Return the names that must still be there when the notebook has ended."""
        pairs = [pair for pair in (self.train, self.held) if pair]
        texts = [self.model, *(p.rows for p in pairs), *(p.labels for p in pairs)]
        return frozenset(name for text in texts if text for name in names_in(text))


def choice(metadata: Mapping[str, Any], options: Iterable[Mapping[str, Any]]) -> Choice:
    """Read a choice from the notebook's own metadata and the options of its stages, which win."""
    named = [str(o["model"]) for o in options if o.get("model")]
    given = {key: value for key, value in metadata.items() if isinstance(value, str)}
    features, target, holdout = given.get("features"), given.get("target"), metadata.get("holdout")
    held = [part for part in holdout if isinstance(part, str)] if isinstance(holdout, list) else []
    return Choice(
        model=named[-1] if named else given.get("model"),
        train=Pair(rows=features, labels=target) if features and target else None,
        held=Pair(rows=held[0], labels=held[1]) if len(held) > 1 else None,
    )


def chosen(pipeline: Pipeline) -> Choice:
    """Return what the user of a notebook named."""
    return choice(pipeline.notebook.metadata, [stage.options for stage in pipeline.stages])


def wanted(pipeline: Pipeline) -> frozenset[str]:
    """Return the names a run must keep to its end, so that its model can be found, measured and packaged."""
    left = {name for flow in pipeline.flows for name in flow.leaves}
    named = {name for clue in clues.of(pipeline) for name in clue.names}
    return frozenset(left & (named | chosen(pipeline).names))


@frozen(kw_only=True)
class Rows:
    """Rows and their labels, as long as each other."""

    x: Any = field(eq=False, repr=False)
    y: Any = field(eq=False, repr=False)

    def __len__(self) -> int:
        return len(self.y)


@frozen(kw_only=True)
class Candidate:
    """A fitted model, what it is, and the data that made and judge it."""

    name: str
    cell: int
    kind: Kind
    model: Any = field(eq=False, repr=False)
    train: Rows
    held: Rows

    def predict(self, x: Any) -> Any:
        """Return the model's predictions as an array."""
        import numpy as np

        return np.asarray(self.model.predict(x))

    def probabilities(self, x: Any) -> Any | None:
        """Return `(rows, classes)` probabilities, or None from a model that gives none."""
        import numpy as np

        if self.kind != "classification" or not callable(getattr(self.model, "predict_proba", None)):
            return None
        return np.asarray(self.model.predict_proba(x))


def settle(found: Iterable[Clue], namespace: Mapping[str, Any], named: Choice, last: int | None = None) -> Candidate:
    """Confirm by the values what the code suggests.

    Args:
        found: Clues of the notebook, in its order.
        namespace: The notebook's names at the end of the run.
        named: What the user named; it is taken as it is.
        last: The notebook's last code cell, to point at when there is no model.

    Raises:
        ModelMissing, ModelsSeveral, TrainingRowsMissing, HeldOutRowsMissing: The values do not answer.
    """
    clue = _model(tuple(found), namespace, named, last)
    model = namespace[clue.model]
    pairs = (named.train,) if named.train else clue.train
    train = next(_confirmed(model, pairs, namespace), None) or _matching(model, namespace)
    if train is None:
        raise TrainingRowsMissing(clue.model, clue.cell)
    pairs = (named.held,) if named.held else clue.held
    known: list[tuple[int, int]] = []
    for held in _confirmed(model, pairs, namespace):
        seen = _seen(held, train)
        if not seen:
            kind = kind_of(model, train.y)
            return Candidate(name=clue.model, cell=clue.cell, kind=kind, model=model, train=train, held=held)
        known.append((seen, len(held)))
    raise HeldOutRowsMissing(clue.model, clue.cell, *(known[0] if known else ()))


def kind_of(model: Any, labels: Any) -> Kind:
    """Say whether a model tells classes or numbers."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.utils.multiclass import type_of_target

    known = hasattr(model, "__sklearn_tags__")
    if hasattr(model, "classes_") or (known and is_classifier(model)):
        return "classification"
    if known and is_regressor(model):
        return "regression"
    return "regression" if str(type_of_target(labels)).startswith("continuous") else "classification"


def parts(value: Any, depth: int = 4) -> Iterator[Any]:
    """Yield the objects a model is put together from: steps of a pipeline, voters, the estimator of a search."""
    if depth == 0:
        return
    yield value
    if isinstance(value, list | tuple):
        inner: Iterable[Any] = value[:100]
    elif isinstance(value, dict):
        inner = value.values()
    else:
        inner = vars(value).values() if hasattr(value, "__dict__") and not callable(value) else ()
    for part in inner:
        yield from parts(part, depth - 1)


def _model(found: tuple[Clue, ...], namespace: Mapping[str, Any], named: Choice, last: int | None) -> Clue:
    """Choose the one clue whose value is a whole, fitted model."""
    if named.model:
        known = [c for c in found if c.model == named.model] or [Clue(model=named.model, cell=0)]
        if not _predicts(namespace.get(named.model)):
            raise ModelMissing(named.model, last)
        return known[-1]
    alive = {
        id(namespace[c.model]): c
        for c in found
        if _predicts(namespace.get(c.model)) and not _simple(namespace[c.model])
    }
    values = {key: namespace[clue.model] for key, clue in alive.items()}
    for key, value in values.items():
        best = getattr(value, "best_estimator_", None)
        inside = {id(part) for part in parts(value)} - {key}
        # A search answers with the best model it found, which is all that a service needs.
        for gone in [key] if id(best) in alive else inside:
            alive.pop(gone, None)
    left = tuple(alive.values())
    if not left:
        raise ModelMissing(None, last)
    if len(left) > 1:
        raise ModelsSeveral(tuple(c.model for c in left), tuple(c.cell for c in left))
    return left[0]


def _predicts(value: Any) -> bool:
    return callable(getattr(value, "predict", None)) and not isinstance(value, type)


def _simple(value: Any) -> bool:
    """Recognise the rival that a notebook makes itself."""
    return type(value).__module__ == "sklearn.dummy"


def _confirmed(model: Any, pairs: Iterable[Pair], namespace: Mapping[str, Any]) -> Iterator[Rows]:
    """Yield the pairs that the model can have been fitted on, in order."""
    for pair in pairs:
        x, y = (_value(text, namespace) for text in (pair.rows, pair.labels))
        if _fits(model, x) and _answers(model, x, y):
            yield Rows(x=x, y=y)


def _value(text: str | None, namespace: Mapping[str, Any]) -> Any:
    """Evaluate an expression of the notebook; None when its names are gone or it no longer works."""
    if text is None:
        return None
    try:
        return eval(text, dict(namespace))  # noqa: S307  the notebook's own code
    except Exception:  # noqa: BLE001  it is the user's code: it may raise anything, and then it is no evidence
        return None


def _fits(model: Any, x: Any) -> bool:
    """Say whether rows have the columns a model was fitted on."""
    if x is None or isinstance(x, str | bytes | dict) or not hasattr(x, "__len__") or not _rows(x):
        return False
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return list(getattr(x, "columns", ())) == list(names)
    width = getattr(model, "n_features_in_", None)
    return width is None or list(getattr(x, "shape", ()))[1:] == [width]


def _rows(x: Any) -> int:
    shape = getattr(x, "shape", None)  # a sparse matrix has a shape and no length
    return int(shape[0]) if shape else len(x)


def _answers(model: Any, x: Any, y: Any) -> bool:
    """Say whether labels are as many as the rows, and of the model's classes."""
    import numpy as np

    if y is None or isinstance(y, str | bytes | dict) or not hasattr(y, "__len__") or len(y) != _rows(x):
        return False
    classes = getattr(model, "classes_", None)
    if not isinstance(classes, np.ndarray):
        return True
    return bool(np.isin(np.asarray(y), classes).mean() > 0.9)  # rare classes may be new


def _matching(model: Any, namespace: Mapping[str, Any]) -> Rows | None:
    """Find the longest frame with the model's columns that has labels under the same index."""
    frames = [v for v in namespace.values() if hasattr(v, "columns") and hasattr(v, "index") and _fits(model, v)]
    named = hasattr(model, "feature_names_in_")
    series = [
        v for v in namespace.values() if hasattr(v, "index") and not hasattr(v, "columns") and hasattr(v, "dtype")
    ]
    for frame in sorted(frames if named else [], key=len, reverse=True):
        for labels in series:
            aligned = labels.index is frame.index or (len(labels) == len(frame) and labels.index.equals(frame.index))
            if aligned and labels.name not in frame.columns and _answers(model, frame, labels):
                return Rows(x=frame, y=labels)
    return None


def _seen(held: Rows, train: Rows) -> int:
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
    return int(found) if found >= FEW and found > limit * len(judged) else 0


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
    return train.index.get_indexer(held.index) if known else np.full(_rows(held), -2)


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
        keys = keys * np.uint64(1_000_003) + hash_pandas_object(column, index=False, categorize=False).to_numpy()
    return tuple(np.split(keys, np.cumsum([len(rows) for rows in several])[:-1]))


def _columns(x: Any) -> list[Any]:
    """Return rows, or labels, as columns without their index."""
    import numpy as np
    import pandas as pd

    if isinstance(x, pd.DataFrame):
        return [x.iloc[:, n] for n in range(0, x.shape[1], x.shape[1] // WIDE + 1)]
    if isinstance(x, pd.Series | list | tuple):
        return [pd.Series(x)]
    if hasattr(x, "tocsr"):  # a sparse matrix: sums with weights of their own tell its rows apart
        return _columns(x.tocsr() @ np.random.default_rng(0).random((x.shape[1], 3)))
    array = np.asarray(x)
    return _columns(pd.DataFrame(array.reshape(len(array), -1)))

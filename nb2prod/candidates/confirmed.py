"""Confirmed: the rows and labels that, by their values, a model can have learnt from or be judged by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nb2prod.candidates import readings
from nb2prod.candidates.clue import Pair
from nb2prod.candidates.inputs import named
from nb2prod.candidates.libraries import columns, formula_of, library_of, ranks
from nb2prod.candidates.rows import Rows, count


def confirmed(model: Any, pairs: Iterable[Pair], namespace: Mapping[str, Any]) -> Iterator[Rows]:
    """Yield the pairs that the model can have been fitted on, in order."""
    for pair in pairs:
        x, y = (readings.array(value_of(text, namespace)) for text in (pair.rows, pair.labels))
        x = named(library_of(model), model, x)
        if not (fits(model, x) and _answers(model, x, y)):
            continue
        if not ranks(model):
            yield Rows(x=x[columns(model)] if formula_of(model) else x, y=y)
        elif (groups := _groups(pair, len(y), namespace)) is not None:
            yield Rows(x=x, y=y, groups=groups)


def value_of(text: str | None, namespace: Mapping[str, Any]) -> Any:
    """Evaluate an expression of the notebook; None when its names are gone or it no longer works."""
    if text is None:
        return None
    try:
        return eval(text, dict(namespace))  # noqa: S307  the notebook's own code
    except Exception:  # noqa: BLE001  it is the user's code: it may raise anything, and then it is no evidence
        return None


def fits(model: Any, x: Any) -> bool:
    """Say whether rows have the columns a model was fitted on."""
    if x is None or isinstance(x, str | bytes | dict) or not hasattr(x, "__len__") or not count(x):
        return False
    if library_of(model) != "sklearn":
        return _taken(model, x)
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        given = list(getattr(x, "columns", ()))
        return list(names) in (given, [str(name).replace(" ", "_") for name in given])  # as LightGBM calls them
    width = getattr(model, "n_features_in_", None)
    return width is None or list(getattr(x, "shape", ()))[1:] == [width]


def _taken(model: Any, x: Any) -> bool:
    """Say whether a model has an answer to rows, where it does not say what it takes."""
    import numpy as np

    library = library_of(model)
    try:
        if library == "torch":
            from nb2prod.serving.models import modules

            return len(modules.raw(model.eval(), x[:2], readings.dtype_of(model, x))) == len(x[:2])
        if library == "onnx":
            from nb2prod.serving.models import graphs

            return bool(model.run(None, graphs.fed(model, x[:2])))
        if library == "boosters":
            from nb2prod.serving.models import boosters

            return len(boosters.raw(model, x[:2], {})) == len(x[:2])
        return len(np.asarray(model.predict(x[:2]))) == len(x[:2])
    except Exception:  # noqa: BLE001  libraries raise what they like about rows that are none of theirs
        return False


def _groups(pair: Pair, count: int, namespace: Mapping[str, Any]) -> Any:
    """Return the query of each row: the notebook gives that, or how many rows each query has."""
    import numpy as np

    for text in pair.groups:
        found = value_of(text, namespace)
        given = np.asarray(found[0] if isinstance(found, list) and len(found) == 1 else found)
        if given.ndim == 1 and len(given) == count:
            return given
        if given.ndim == 1 and given.dtype.kind in "iu" and given.sum() == count:
            return np.repeat(np.arange(len(given)), given)
    return None


def _answers(model: Any, x: Any, y: Any) -> bool:
    """Say whether labels are as many as the rows, and of the model's classes."""
    import numpy as np

    if y is None or isinstance(y, str | bytes | dict) or not hasattr(y, "__len__") or len(y) != count(x):
        return False
    classes = getattr(model, "classes_", None)
    if not isinstance(classes, np.ndarray) or not classes.size:  # CatBoost's models of numbers have no classes
        return True
    return bool(np.isin(np.asarray(y), classes).mean() > 0.9)  # rare classes may be new


def matching(model: Any, namespace: Mapping[str, Any]) -> Rows | None:
    """Find the longest frame with the model's columns that has labels under the same index."""
    frames = [v for v in namespace.values() if hasattr(v, "columns") and hasattr(v, "index") and fits(model, v)]
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

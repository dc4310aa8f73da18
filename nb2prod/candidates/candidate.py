"""Candidate: the model a run would ship, with the rows it learnt from and the rows that judge it."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from attrs import evolve, field, frozen

from nb2prod.candidates import clues, readings
from nb2prod.candidates.clues import Clue, Pair, names_in
from nb2prod.candidates.libraries import Library, columns, forecasts, formula_of, library_of, ranks, remembered
from nb2prod.candidates.rows import Rows, count
from nb2prod.candidates.rows import seen as seen_in
from nb2prod.errors.models import HeldOutRowsMissing, ModelMissing, ModelsSeveral, TrainingRowsMissing
from nb2prod.pipeline import Pipeline
from nb2prod.serving import models

Kind = Literal["classification", "regression", "ranking", "forecast"]

CODE = (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


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
class Candidate:
    """A fitted model, what it is, and the data that made and judge it."""

    name: str
    cell: int
    kind: Kind
    model: Any = field(eq=False, repr=False)
    train: Rows
    held: Rows
    library: Library = "sklearn"
    how: Mapping[str, Any] = field(factory=dict)  # how its answers are to be read

    @property
    def asked(self) -> Any:
        """Return what is asked for answers: the model, or what makes it answer as scikit-learn's do."""
        return models.asked(self.model, {"library": self.library, "how": self.how})

    @property
    def classes(self) -> Any | None:
        """Return the classes it knows, in the order of its probabilities."""
        return getattr(self.asked, "classes_", None) if self.kind == "classification" else None

    def predict(self, x: Any) -> Any:
        """Return the model's predictions as an array."""
        import numpy as np

        return np.asarray(self.asked.predict(x))

    def probabilities(self, x: Any) -> Any | None:
        """Return `(rows, classes)` probabilities, or None from a model that gives none."""
        import numpy as np

        if self.kind != "classification" or not callable(getattr(self.asked, "predict_proba", None)):
            return None
        return np.asarray(self.asked.predict_proba(x))


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
    if forecasts(model):
        return _forecast(clue, model, namespace, named)
    pairs = (named.train,) if named.train else clue.train
    train = next(_confirmed(model, pairs, namespace), None) or _own(model) or _matching(model, namespace)
    if train is None:
        raise TrainingRowsMissing(clue.model, clue.cell)
    pairs = (named.held,) if named.held else clue.held
    known: list[tuple[int, int]] = []
    for held in _confirmed(model, pairs, namespace):
        seen = seen_in(held, train)
        if not seen:
            return _candidate(clue, model, train, held)
        known.append((seen, len(held)))
    raise HeldOutRowsMissing(clue.model, clue.cell, *(known[0] if known else ()))


def _candidate(clue: Clue, model: Any, train: Rows, held: Rows) -> Candidate:
    library = library_of(model)
    assert library is not None
    how = readings.how(library, model, train.x, train.y)
    kind = kind_of(models.asked(model, {"library": library, "how": how}), train.y)
    name, cell = clue.model, clue.cell
    return Candidate(name=name, cell=cell, kind=kind, model=model, train=train, held=held, library=library, how=how)


def _own(model: Any) -> Rows | None:
    """Return what a model remembers of its training."""
    known = remembered(model)
    return Rows(x=known[0], y=known[1]) if known else None


def _forecast(clue: Clue, model: Any, namespace: Mapping[str, Any], named: Choice) -> Candidate:
    """Find what a series that a model tells the future of went on with."""
    import numpy as np

    past, series = remembered(model) or (None, None)
    for pair in (named.held,) if named.held else clue.held:
        y, x = _value(pair.labels, namespace), _value(pair.rows, namespace)
        if np.ndim(y) == 1 and not isinstance(y, str) and len(y):
            rows = None if past is None else x
            if rows is None or count(rows) == len(y):
                held, train = Rows(x=rows, y=y), Rows(x=past, y=series)
                return Candidate(
                    name=clue.model, cell=clue.cell, kind="forecast", model=model, train=train, held=held,
                    library="statsmodels",
                )  # fmt: skip
    raise HeldOutRowsMissing(clue.model, clue.cell)


def kind_of(model: Any, labels: Any) -> Kind:
    """Say whether a model tells classes, numbers or an order."""
    import numpy as np
    from sklearn.base import is_classifier, is_regressor
    from sklearn.utils.multiclass import type_of_target

    if ranks(model):
        return "ranking"
    known = hasattr(model, "__sklearn_tags__")
    if np.size(getattr(model, "classes_", ())) or (known and is_classifier(model)):
        return "classification"
    if (known and is_regressor(model)) or hasattr(model, "how"):
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
        inner = vars(value).values() if hasattr(value, "__dict__") and not isinstance(value, CODE) else ()
    for part in inner:
        yield from parts(part, depth - 1)


def rival(found: Iterable[Clue], namespace: Mapping[str, Any], judged: Candidate) -> Candidate | None:
    """Find the model that the notebook itself compares a candidate with: the one of the stage `baseline`."""
    for clue in found:
        model = namespace.get(clue.model)
        library = library_of(model)
        if not clue.rival or library is None or model is judged.model or forecasts(model) != forecasts(judged.model):
            continue
        if judged.kind == "forecast" or _fits(model, judged.held.x):
            how = {} if judged.kind == "forecast" else readings.how(library, model, judged.train.x, judged.train.y)
            return evolve(judged, name=clue.model, cell=clue.cell, model=model, library=library, how=how)
    return None


def _model(found: tuple[Clue, ...], namespace: Mapping[str, Any], named: Choice, last: int | None) -> Clue:
    """Choose the one clue whose value is a whole, fitted model."""
    if named.model:
        known = [c for c in found if c.model == named.model] or [Clue(model=named.model, cell=0)]
        if library_of(namespace.get(named.model)) is None:
            raise ModelMissing(named.model, last)
        return known[-1]
    alive = {
        id(namespace[c.model]): c
        for c in found
        if library_of(namespace.get(c.model)) is not None and not (c.rival or _simple(namespace[c.model]))
    }
    if any(library_of(namespace[c.model]) == "onnx" for c in alive.values()):  # what a graph was made from is in it
        alive = {key: c for key, c in alive.items() if not c.exported}
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


def _simple(value: Any) -> bool:
    """Recognise the rival that a notebook makes itself."""
    return type(value).__module__ == "sklearn.dummy"


def _confirmed(model: Any, pairs: Iterable[Pair], namespace: Mapping[str, Any]) -> Iterator[Rows]:
    """Yield the pairs that the model can have been fitted on, in order."""
    for pair in pairs:
        x, y = (readings.array(_value(text, namespace)) for text in (pair.rows, pair.labels))
        if library_of(model) == "onnx" and isinstance(x, dict):
            x = _framed(x)
        if not (_fits(model, x) and _answers(model, x, y)):
            continue
        if not ranks(model):
            yield Rows(x=x[columns(model)] if formula_of(model) else x, y=y)
        elif (groups := _groups(pair, len(y), namespace)) is not None:
            yield Rows(x=x, y=y, groups=groups)


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
    if x is None or isinstance(x, str | bytes | dict) or not hasattr(x, "__len__") or not count(x):
        return False
    if library_of(model) != "sklearn":
        return _taken(model, x)
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return list(getattr(x, "columns", ())) == list(names)
    width = getattr(model, "n_features_in_", None)
    return width is None or list(getattr(x, "shape", ()))[1:] == [width]


def _taken(model: Any, x: Any) -> bool:
    """Say whether a model has an answer to rows, where it does not say what it takes."""
    import numpy as np

    library = library_of(model)
    try:
        if library == "torch":
            from nb2prod.serving.models import modules

            kinds = [str(p.dtype).removeprefix("torch.") for p in model.parameters() if p.is_floating_point()]
            return len(modules.raw(model.eval(), x[:2], next(iter(kinds), "float32"))) == len(x[:2])
        if library == "onnx":
            from nb2prod.serving.models import graphs

            return bool(model.run(None, graphs.fed(model, x[:2])))
        return len(np.asarray(model.predict(x[:2]))) == len(x[:2])
    except Exception:  # noqa: BLE001  libraries raise what they like about rows that are none of theirs
        return False


def _framed(x: Mapping[str, Any]) -> Any:
    """Return the inputs of a graph, each a column, as a frame."""
    import numpy as np
    import pandas as pd

    return pd.DataFrame({name: np.asarray(value).reshape(len(value)) for name, value in x.items()})


def _groups(pair: Pair, count: int, namespace: Mapping[str, Any]) -> Any:
    """Return the query of each row: the notebook gives that, or how many rows each query has."""
    import numpy as np

    for text in pair.groups:
        found = _value(text, namespace)
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

"""Candidate: the model a run would ship, with the rows it learnt from and the rows that judge it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import evolve, field, frozen

from nb2prod.candidates import clues, readings
from nb2prod.candidates.clue import Clue, Pair
from nb2prod.candidates.confirmed import confirmed, fits, matching, value_of
from nb2prod.candidates.expressions import names_in
from nb2prod.candidates.libraries import Library, forecasts, library_of, ranks, remembered
from nb2prod.candidates.rows import Rows, count
from nb2prod.candidates.rows import seen as seen_in
from nb2prod.candidates.whole import whole
from nb2prod.errors.models import (
    HeldOutRowsMissing,
    ModelUnjudged,
    TrainingRowsMissing,
)
from nb2prod.pipeline import Pipeline
from nb2prod.serving import models

Kind = Literal["classification", "regression", "ranking", "forecast"]

MANY = 20  # different values of whole numbers are no classes


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
    positive: Any = None  # which of two classes is looked for, where the notebook says that

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
        found = np.asarray(self.asked.predict_proba(x))
        # A class of the notebook's own may not say which class is which.
        return found if self.classes is not None and found.shape[1:] == np.shape(self.classes) else None


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
    clue = whole(tuple(found), namespace, named.model, last)
    model = namespace[clue.model]
    if forecasts(model):
        return _forecast(clue, model, namespace, named)
    if why := _unjudged(model):
        raise ModelUnjudged(clue.model, clue.cell, why)
    pairs = (named.train,) if named.train else clue.train
    train = next(confirmed(model, pairs, namespace), None) or _own(model)
    guessed, train = train is None, train or matching(model, namespace)
    if train is None:
        raise TrainingRowsMissing(clue.model, clue.cell)
    pairs = (named.held,) if named.held else clue.held
    if multilabel(train.y):
        raise ModelUnjudged(clue.model, clue.cell, "it says yes or no to several labels of a row at once")
    known: list[tuple[int, int]] = []
    for held in confirmed(model, pairs, namespace):
        seen = seen_in(held, train)
        if not seen:
            return _candidate(clue, train, held, namespace)
        if guessed and held.x is train.x:  # the only rows there are: those it learnt from stayed in a function
            raise TrainingRowsMissing(clue.model, clue.cell)
        known.append((seen, len(held)))
    raise HeldOutRowsMissing(clue.model, clue.cell, *(known[0] if known else ()))


def _candidate(clue: Clue, train: Rows, held: Rows, namespace: Mapping[str, Any]) -> Candidate:
    model = namespace[clue.model]
    options = {name: value_of(given, namespace) for name, given in clue.options}
    library = library_of(model)
    assert library is not None
    how = readings.how(library, model, train.x, train.y, options)
    told = models.asked(model, {"library": library, "how": how})
    kind = "ranking" if ranks(model) else kind_of(told, train.y, told.predict(train.x[: readings.FEW]))
    name, cell = clue.model, clue.cell
    return Candidate(name=name, cell=cell, kind=kind, model=model, train=train, held=held, library=library, how=how)


def _unjudged(model: Any) -> str | None:
    """Say why there is nothing to compare a model's answers with, if there is not."""
    from sklearn.base import is_clusterer, is_outlier_detector

    if not hasattr(model, "__sklearn_tags__") or library_of(model) != "sklearn":
        return None
    kinds = ((is_clusterer, "it finds groups"), (is_outlier_detector, "it finds what is unusual"))
    return next((f"{why} and learns from no labels" for known, why in kinds if known(model)), None)


def multilabel(labels: Any) -> bool:
    """Say whether each row has several labels, or several classes."""
    import numpy as np
    from sklearn.utils.multiclass import type_of_target

    wide = np.ndim(labels) == 2 and np.shape(labels)[1] > 1
    return wide and not str(type_of_target(labels)).startswith("continuous") and not _counted(labels)


def _counted(labels: Any) -> bool:
    """Say whether labels are numbers of many values, such as counts."""
    import numpy as np

    array = np.asarray(labels)
    return array.dtype.kind in "iuf" and len(np.unique(array)) > MANY


def _own(model: Any) -> Rows | None:
    """Return what a model remembers of its training."""
    known = remembered(model)
    return Rows(x=known[0], y=known[1]) if known else None


def _forecast(clue: Clue, model: Any, namespace: Mapping[str, Any], named: Choice) -> Candidate:
    """Find what a series that a model tells the future of went on with."""
    import numpy as np

    past, series = remembered(model) or (None, None)
    for pair in (named.held,) if named.held else clue.held:
        y, x = value_of(pair.labels, namespace), value_of(pair.rows, namespace)
        if np.ndim(y) == 1 and not isinstance(y, str) and len(y):
            rows = None if past is None else x
            if rows is None or count(rows) == len(y):
                held, train = Rows(x=rows, y=y), Rows(x=past, y=series)
                return Candidate(
                    name=clue.model, cell=clue.cell, kind="forecast", model=model, train=train, held=held,
                    library="statsmodels",
                )  # fmt: skip
    raise HeldOutRowsMissing(clue.model, clue.cell)


def kind_of(model: Any, labels: Any, said: Any) -> Kind:
    """Say whether a model tells classes or numbers; `said` is what it answers to rows that it learnt from."""
    import numpy as np
    from sklearn.base import is_classifier, is_regressor
    from sklearn.utils.multiclass import type_of_target

    known = hasattr(model, "__sklearn_tags__")
    if np.size(getattr(model, "classes_", ())) or (known and is_classifier(model)):
        return "classification"
    if (known and is_regressor(model)) or hasattr(model, "how"):
        return "regression"
    named = not str(type_of_target(labels)).startswith("continuous") and np.isin(np.asarray(said), labels).all()
    return "classification" if named else "regression"


def rival(found: Iterable[Clue], namespace: Mapping[str, Any], judged: Candidate) -> Candidate | None:
    """Find the model that the notebook itself compares a candidate with: the one of the stage `baseline`."""
    for clue in found:
        model = namespace.get(clue.model)
        library = library_of(model)
        if not clue.rival or library is None or model is judged.model or forecasts(model) != forecasts(judged.model):
            continue
        if judged.kind == "forecast" or fits(model, judged.held.x):
            options = {option: value_of(given, namespace) for option, given in clue.options}
            train = judged.train
            how = {} if judged.kind == "forecast" else readings.how(library, model, train.x, train.y, options)
            return evolve(judged, name=clue.model, cell=clue.cell, model=model, library=library, how=how)
    return None

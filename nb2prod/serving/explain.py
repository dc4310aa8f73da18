"""Explanation: how much each field of a row moved a model's answer, in parts that add up to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from .frame import framed
from .heads import Matrix, Trees, Unknown, tree_of, trees_of
from .origins import Origin, origins
from .table import Rows

CLOSE = 1e-8  # how near the sum of the parts must be to what the model says
TERMS = 20  # words of a text that are told
# Matrix, and for each row the answer to explain → what all rows begin with, and what each column adds: (rows, columns).
Parts = Callable[[Any, Matrix], tuple[Matrix, Any]]

WORDS = {
    "prediction": "the predicted number",
    "log": "the logarithm of the predicted number",
    "probability": "the probability of the class",
    "score": "the score of the class, from which its probability is made (log-odds)",
}


@frozen(kw_only=True)
class Explainer:
    """Explains the answers of one model."""

    method: str  # coefficients, paths or shapley
    of: str  # what the parts add up to; one of WORDS
    schema: Mapping[str, Any]
    before: Any  # the steps that make the matrix; None without any
    head: Any
    parts: Parts
    origins: Sequence[Origin]
    terms: Sequence[str]  # of a text, a word a column

    def explain(self, rows: Rows) -> list[dict[str, Any]]:
        """Explain the answer to each row."""
        x = self.matrix(rows)
        chosen, targets = self.answers(x)
        base, added = self.parts(x, chosen)
        made = []
        for n in range(rows.count):
            row = np.asarray(added[[n]].todense()).ravel() if hasattr(added, "todense") else added[n]
            told = {
                "prediction": targets[n],
                "explains": self.of,
                "base": float(base[n]),
                "sum": float(base[n] + row.sum()),
                "contributions": self._told(row),
            }
            made.append(told | ({"terms": self._terms(row)} if self.terms else {}))
        return made

    def _told(self, row: Matrix) -> list[dict[str, Any]]:
        """Add up what columns made from the same fields add, largest first."""
        sums: dict[Origin, float] = {}
        for origin, value in zip(self.origins, row.tolist(), strict=True):
            sums[origin] = sums.get(origin, 0.0) + value
        ordered = sorted(sums.items(), key=lambda item: -abs(item[1]))
        return [{"fields": list(origin), "contribution": value} for origin, value in ordered]

    def _terms(self, row: Matrix) -> list[dict[str, Any]]:
        places = np.argsort(-np.abs(row), kind="stable")[:TERMS]
        return [{"term": self.terms[n], "contribution": float(row[n])} for n in places if row[n]]

    def matrix(self, rows: Rows) -> Any:
        """Return what the last step of the model is given."""
        frame = framed(rows, self.schema)
        x = frame if self.before is None else self.before.transform(frame)
        # Other libraries may have learnt from the types of a frame's columns.
        as_is = hasattr(x, "tocsr") or (self.before is None and self.method == "shapley")
        return x if as_is else np.asarray(x)

    def answers(self, x: Any) -> tuple[Matrix, list[Any]]:
        """Return for each row which of the model's outputs is explained, and its answer."""
        said = np.asarray(bare(self.head).predict(x)).ravel()
        classes = classes_of(self.head)
        if classes is None:
            return np.zeros(len(said), dtype=int), said.tolist()
        order = np.argsort(classes, kind="stable")
        return order[np.searchsorted(classes, said, sorter=order)], said.tolist()

    def true(self, x: Any) -> Matrix:
        """Return what the parts must add up to."""
        chosen, _ = self.answers(x)
        model = bare(self.head)
        if self.of in {"prediction", "log"}:
            said = np.asarray(model.predict(x), dtype=float).ravel()
            return np.log(said) if self.of == "log" else said
        if self.of == "probability":
            return np.asarray(model.predict_proba(x))[np.arange(len(chosen)), chosen]
        return signed(np.asarray(scores_of(model, x)), chosen)


def explainer(model: Any, schema: Mapping[str, Any]) -> Explainer:
    """Return what explains a model.

    Raises:
        Unknown: Its answers are no sum of parts that it tells.
    """
    whole = getattr(model, "best_estimator_", model)
    before, head = (whole[:-1], whole[-1]) if hasattr(whole, "steps") else (None, whole)
    before = before if before is None or len(before.steps) else None
    method, of, parts = _method(head)
    fields = [(f["key"],) for f in schema["fields"]]
    width = len(getattr(head, "feature_names_", ())) or int(getattr(head, "n_features_in_", len(fields)))
    place = {field[0]: n for n, field in enumerate(fields)}
    # However they came together, the same fields are one thing.
    made = [tuple(sorted(one, key=place.__getitem__)) for one in origins(before, fields, width)]
    if len(made) != width:
        raise Unknown("one whose columns come from nobody knows where")
    terms = _words(before, width) if schema["container"] == "series" else []
    return Explainer(
        method=method, of=of, schema=schema, before=before, head=head, parts=parts, origins=made, terms=terms
    )


def adds_up(found: Explainer, rows: Rows) -> bool:
    """Say whether the parts add up to what the model says, on rows that it knows."""
    x = found.matrix(rows)
    chosen, _ = found.answers(x)
    base, added = found.parts(x, chosen)
    total = np.asarray(added.sum(axis=1)).ravel() + base
    # Boosting adds up in single precision in some libraries, and says so.
    near = 1e-4 if found.method == "shapley" else CLOSE
    return bool(np.allclose(total, found.true(x), rtol=near, atol=near))


def _method(head: Any) -> tuple[str, str, Parts]:
    name, home = type(head).__name__, type(head).__module__.partition(".")[0]
    outputs = "score" if classes_of(head) is not None else "prediction"
    if home in SHAPLEY:
        return "shapley", outputs, SHAPLEY[home](head)
    if home != "sklearn":
        raise Unknown(f"one of {home}, which tells no parts of its answers")
    if name.startswith(("RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree")):
        return "paths", "probability" if outputs == "score" else "prediction", _forest(head)
    if name.startswith(("GradientBoosting", "HistGradientBoosting")):
        return "paths", outputs if outputs == "score" else _linked(head), _boosted(head)
    if hasattr(head, "coef_") and hasattr(head, "intercept_"):
        return "coefficients", outputs if outputs == "score" else _linked(head), _linear(head)
    raise Unknown(f"a {name}, whose answers are no sum of parts that it tells")


def _linked(head: Any) -> str:
    """Say whether a regressor adds up numbers, or their logarithms."""
    loss = getattr(head, "_loss", None) or getattr(head, "_base_loss", None)
    link = type(getattr(loss, "link", None) or getattr(getattr(loss, "base_loss", None), "link", None)).__name__
    return "log" if link == "LogLink" else "prediction"


def _linear(head: Any) -> Parts:
    coef, intercept = np.atleast_2d(head.coef_), np.atleast_1d(head.intercept_).astype(float)
    if classes_of(head) is None and len(coef) > 1:
        raise Unknown("one with several outputs")

    def parts(x: Any, chosen: Matrix) -> tuple[Matrix, Any]:
        if len(coef) > 1:
            weights, start = coef[chosen], np.broadcast_to(intercept, len(coef))[chosen]
        else:
            sign = _sign(head, chosen)
            weights, start = sign[:, None] * coef[0], sign * intercept[0]
        return start, x.multiply(weights).tocsr() if hasattr(x, "tocsr") else x * weights

    return parts


def _sign(head: Any, chosen: Matrix) -> Matrix:
    """Of two classes a model scores the second: the other one's score is the opposite."""
    return np.where(chosen == 1, 1.0, -1.0) if classes_of(head) is not None else np.ones(len(chosen))


def _forest(head: Any) -> Parts:
    if getattr(head, "n_outputs_", 1) != 1:
        raise Unknown("one with several outputs")
    trees = Trees([tree_of(one) for one in getattr(head, "estimators_", [head])])
    count = len(trees.roots)

    def parts(x: Any, chosen: Matrix) -> tuple[Matrix, Any]:
        values = trees.value / trees.value.sum(axis=1, keepdims=True) if classes_of(head) is not None else trees.value
        return _walked(trees, _dense(x).astype(np.float32), [values[:, k] / count for k in chosen])

    return parts


def _boosted(head: Any) -> Parts:
    """Explain boosting: what a node of a tree stands for is the mean of its leaves, by the rows they had."""
    columns = trees_of(head)
    rate = head.learning_rate if hasattr(head, "estimators_") else 1.0
    values = [rate * _means(trees) for trees in columns]
    zero = np.zeros((1, head.n_features_in_))
    starts = [
        float(np.atleast_2d(_raw(head, zero))[0, k] - rate * trees.leaves(zero)[0].sum())
        for k, trees in enumerate(columns)
    ]

    def parts(x: Any, chosen: Matrix) -> tuple[Matrix, Any]:
        dense = _dense(x).astype(np.float32 if hasattr(head, "estimators_") else float)
        if len(columns) == 1:
            sign = _sign(head, chosen)
            base, added = _walked(columns[0], dense, [s * values[0] for s in sign])
            return base + sign * starts[0], added
        base, added = np.empty(len(x)), np.empty(dense.shape)
        for n, k in enumerate(chosen):
            first, row = _walked(columns[k], dense[[n]], [values[k]])
            base[n], added[n] = first[0] + starts[k], row[0]
        return base, added

    return parts


def _raw(head: Any, x: Matrix) -> Matrix:
    return np.asarray(bare(head)._raw_predict(x.astype(np.float32) if hasattr(head, "estimators_") else x))


def _means(trees: Trees) -> Matrix:
    """Return the value of each node of boosted trees: that of a leaf, or the mean below it."""
    own = np.arange(len(trees.feature))
    left, right = trees.next[1::2], trees.next[0::2]
    values = trees.value.reshape(len(own), -1)[:, 0].astype(float)
    for node in reversed(own):  # children come after their parents
        if left[node] != node:
            a, b = trees.count[left[node]], trees.count[right[node]]
            values[node] = (a * values[left[node]] + b * values[right[node]]) / (a + b)
    return values


def _walked(trees: Trees, x: Matrix, values: Sequence[Matrix]) -> tuple[Matrix, Matrix]:
    """Walk each row down the trees; a step from a node to its child counts for the feature that decided it."""
    base, added = np.empty(len(x)), np.zeros((len(x), x.shape[1]))
    for n, row in enumerate(x):
        own, at, gaps = values[n], trees.roots, np.isnan(row)
        base[n] = own[at].sum()
        for _ in range(trees.depth):
            feature = trees.feature[at]
            left = np.where(gaps[feature], trees.missing[at], row[feature] <= trees.threshold[at])
            below = trees.next[at * 2 + left]
            np.add.at(added[n], feature, own[below] - own[at])
            at = below
    return base, added


def _xgboost(head: Any) -> Parts:
    import xgboost

    def parts(x: Any, chosen: Matrix) -> tuple[Matrix, Any]:
        matrix = xgboost.DMatrix(x, missing=head.missing, enable_categorical=True)
        return _split(np.asarray(head.get_booster().predict(matrix, pred_contribs=True)), head, chosen)

    return parts


def _lightgbm(head: Any) -> Parts:
    def parts(x: Any, chosen: Matrix) -> tuple[Matrix, Any]:
        found = np.asarray(head.predict(x, pred_contrib=True))
        kinds = len(() if classes_of(head) is None else head.classes_)
        return _split(found.reshape(len(found), kinds, -1) if kinds > 2 else found, head, chosen)

    return parts


def _catboost(head: Any) -> Parts:
    import catboost

    def parts(x: Any, chosen: Matrix) -> tuple[Matrix, Any]:
        pool = catboost.Pool(x, cat_features=head.get_cat_feature_indices())
        found = np.asarray(head.get_feature_importance(pool, type="ShapValues"))
        return _split(found, head, chosen)

    return parts


SHAPLEY: Mapping[str, Callable[[Any], Parts]] = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}


def _split(found: Matrix, head: Any, chosen: Matrix) -> tuple[Matrix, Matrix]:
    """Split what such libraries tell: a column a feature and then the base, of one output or of several."""
    if found.ndim == 3:
        found = found[np.arange(len(found)), chosen]
    elif classes_of(head) is not None:
        found = _sign(head, chosen)[:, None] * found
    return found[:, -1].astype(float), found[:, :-1].astype(float)


def scores_of(model: Any, x: Any) -> Any:
    """Return a classifier's scores before they become probabilities."""
    home = type(model).__module__.partition(".")[0]
    if home == "xgboost":
        return model.predict(x, output_margin=True)
    if home == "lightgbm":
        return model.predict(x, raw_score=True)
    if home == "catboost":
        return model.predict(x, prediction_type="RawFormulaVal")
    return model.decision_function(x)


def signed(scores: Matrix, chosen: Matrix) -> Matrix:
    """Return the score of the chosen class in each row."""
    if scores.ndim == 1:
        return np.where(chosen == 1, scores, -scores)
    return np.asarray(scores[np.arange(len(chosen)), chosen])


def classes_of(model: Any) -> Matrix | None:
    """Return the classes that a model tells; some libraries give their regressors an empty list of them."""
    classes = getattr(model, "classes_", None)
    return None if classes is None or not len(classes) else np.asarray(classes)


def bare(model: Any) -> Any:
    """Return an estimator that takes a matrix without warning that it learnt from named columns."""
    from .heads import unnamed

    return unnamed(model) if type(model).__module__.startswith("sklearn.") else model


def _dense(x: Any) -> Matrix:
    return np.asarray(x.todense()) if hasattr(x, "todense") else np.asarray(x)


def _words(before: Any, width: int) -> list[str]:
    """Return the words that the columns of a text's matrix count."""
    try:
        names = [str(name).rpartition("__")[2] for name in before.get_feature_names_out()]
    except Exception:  # noqa: BLE001  the notebook's own transformers may do anything, or have no such method
        return []
    return names if len(names) == width else []

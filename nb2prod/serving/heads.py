"""Head: the last step of a model, from a matrix to its answers, without what scikit-learn checks on every call.

Every head does the arithmetic of the estimator it stands for in the same order, so its numbers are the same bits. It is
used only where a rehearsal has seen that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from .blocks import columns, whole
from .leaves import Leaves, TooLarge

Matrix = np.ndarray[Any, Any]
Head = Callable[[Any], tuple[Matrix, Matrix | None]]  # blocks or a matrix → predictions, probabilities

FEW = 64  # rows times trees / 100: with more, an estimator's own loops in C are faster


FEWER = 3  # likewise where there are tables of leaves

Score = Callable[[Any], Matrix]  # → raw scores, a column each


@frozen(kw_only=True)
class Raw:
    """Ways to the raw scores of a boosting."""

    few: Score  # of a matrix of few rows
    many: Score | None  # of the blocks of many, where tables of leaves are not too large
    own: Score  # the model's own, of a matrix


class Unknown(Exception):
    """There is no fast way to do what a part of a model does."""


def head(model: Any) -> Head:
    """Return the fast form of a fitted estimator, or the estimator itself where there is none."""
    name = type(model).__name__
    if type(model).__module__.startswith("sklearn."):
        try:
            if name.startswith("HistGradientBoosting"):
                return _boosted(model, _histogram(model))
            if name.startswith("GradientBoosting"):
                return _boosted(model, _gradient(model))
            if name.startswith(("RandomForest", "ExtraTrees")):
                return _whole(_forest(model))
            if hasattr(model, "coef_") and hasattr(model, "intercept_"):
                return _whole(_linear(model))
        except (Unknown, AttributeError):  # another version of scikit-learn may call its parts otherwise
            pass
    return _whole(_own(model))


def _whole(of: Head) -> Head:
    """Return a head that wants one matrix."""
    return lambda value: of(whole(value))


def _own(model: Any) -> Head:
    model = unnamed(model)
    chances = getattr(model, "predict_proba", None)

    def answer(x: Any) -> tuple[Matrix, Matrix | None]:
        return np.asarray(model.predict(x)), None if chances is None else np.asarray(chances(x))

    return answer


def unnamed(part: Any) -> Any:
    """Return a fitted part that takes a matrix without warning that it learnt from named columns."""
    import copy

    if not hasattr(part, "feature_names_in_"):
        return part
    made = copy.copy(part)
    try:
        del made.feature_names_in_
    except AttributeError:  # other libraries compute it
        raise Unknown(f"{type(part).__name__}, which wants the names of its columns") from None
    return made


def _linear(model: Any) -> Head:
    name = type(model).__name__
    known = {"LogisticRegression", "LogisticRegressionCV", "LinearRegression", "Ridge", "Lasso", "ElasticNet"}
    if name not in known | {"RidgeCV", "LassoCV", "ElasticNetCV"}:
        raise Unknown(name)
    coef, intercept = model.coef_.T if model.coef_.ndim == 2 else model.coef_, model.intercept_
    if not name.startswith("Logistic"):
        return lambda x: (finite(x) @ coef + intercept, None)
    classes, chances = model.classes_, _softmax if len(model.classes_) > 2 else _logistic

    def answer(x: Any) -> tuple[Matrix, Matrix | None]:
        scores = finite(x) @ coef + intercept
        if scores.shape[1] == 1:
            scores = scores.ravel()
            return classes[(scores > 0).astype(int)], chances(scores)
        return classes[np.argmax(scores, axis=1)], chances(scores)

    return answer


def finite(x: Any) -> Any:
    """Return a matrix, if it has no gaps and no infinities; scikit-learn's own refuse the same."""
    if not np.isfinite(x.data if hasattr(x, "indptr") else x).all():
        raise ValueError("the input holds a number that is missing or infinite")
    return x


def _single(x: Matrix) -> Matrix:
    """Return numbers as trees compare them: in single precision, in which large ones are infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(finite(np.ascontiguousarray(x, dtype=np.float32)))


def _double(x: Matrix) -> Matrix:
    """Return numbers as the trees of a histogram compare them."""
    return np.asarray(x, dtype=float)


def _logistic(scores: Matrix) -> Matrix:
    from scipy.special import expit

    chance = expit(scores)
    return np.vstack([1 - chance, chance]).T


def _softmax(scores: Matrix) -> Matrix:
    from sklearn.utils.extmath import softmax

    return np.asarray(softmax(scores))


class Trees:
    """Many trees in one set of arrays, walked all at once: for few rows that is faster than one call a tree."""

    def __init__(self, parts: list[dict[str, Matrix]]) -> None:
        sizes = np.array([len(part["left"]) for part in parts])
        self.roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        shift = np.repeat(self.roots, sizes)
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        own = np.arange(sizes.sum())
        leaf = joined["leaf"].astype(bool)
        # A leaf leads to itself, so walking on from it does no harm; its threshold sends everything left.
        left = np.where(leaf, own, joined["left"] + shift)
        right = np.where(leaf, own, joined["right"] + shift)
        self.next = np.stack([right, left], axis=1).astype(np.intp).ravel()
        self.feature = np.where(leaf, 0, joined["feature"]).astype(np.intp)
        self.threshold = joined["threshold"].astype(float)
        self.missing = joined["missing"].astype(bool)  # goes left
        self.value = joined["value"]
        self.count = joined["count"]  # rows that came there in training, by their weights
        self.depth = max(_depth(part) for part in parts)

    def leaves(self, x: Matrix) -> Matrix:
        """Return the values of the leaves that rows end in: `(rows, trees, ...)`."""
        found = np.empty((len(x), len(self.roots), *self.value.shape[1:]), dtype=self.value.dtype)
        for number, row in enumerate(x):
            gaps = np.isnan(row)
            holes = bool(gaps.any())
            at = self.roots
            for _ in range(self.depth):
                feature = self.feature[at]
                left = row[feature] <= self.threshold[at]
                if holes:
                    left = np.where(gaps[feature], self.missing[at], left)
                at = self.next[at * 2 + left]
            found[number] = self.value[at]
        return found


def _depth(part: dict[str, Matrix]) -> int:
    depth = np.zeros(len(part["left"]), dtype=int)
    for node in range(len(depth)):  # children come after their parents
        if not part["leaf"][node]:
            depth[part["left"][node]] = depth[part["right"][node]] = depth[node] + 1
    return int(depth.max())


def _histogram(model: Any) -> Raw:
    """Return the raw score of a histogram-based boosting."""
    grown, start = grown_of(model), model._baseline_prediction
    trees = [Trees(parts) for parts in grown]
    starts = [float(np.ravel(start)[k if start.size > 1 else 0]) for k in range(len(trees))]

    def few(x: Matrix) -> Matrix:
        raw = np.empty((len(x), len(trees)), dtype=start.dtype, order="F")
        for k, of in enumerate(trees):
            raw[:, k] = _summed(starts[k], of.leaves(x))
        return raw

    own = unnamed(model)
    return Raw(few=few, many=_tables(grown, starts, 1.0, _double), own=lambda x: np.asarray(own._raw_predict(x)))


def _gradient(model: Any) -> Raw:
    """Likewise of a gradient boosting, whose first guess must be a constant."""
    if type(model.init_).__module__ != "sklearn.dummy" and model.init_ != "zero":
        raise Unknown("a first guess that is a model")
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
    grown, rate = grown_of(model), model.learning_rate
    trees = [Trees(parts) for parts in grown]

    def few(x: Matrix) -> Matrix:
        small = _single(x)
        return np.stack([_summed(start[k], rate * of.leaves(small)[:, :, 0]) for k, of in enumerate(trees)], axis=1)

    own, many = unnamed(model), _tables(grown, [float(one) for one in start], rate, _single)
    return Raw(few=few, many=many, own=lambda x: np.asarray(own._raw_predict(_single(x))))


def _tables(grown: list[list[dict[str, Matrix]]], starts: Sequence[float], rate: float, kind: Score) -> Score | None:
    """Return scores of many rows by tables of leaves, where those are not too large."""
    try:
        every = [Leaves(parts, start, rate) for parts, start in zip(grown, starts, strict=True)]
    except TooLarge:
        return None

    def score(value: Any) -> Matrix:
        numbers = [kind(one) for one in columns(value)]
        return np.stack([leaves.summed(numbers) for leaves in every], axis=1)

    return score


def _boosted(model: Any, raw: Raw) -> Head:
    """Turn raw scores into answers, as both kinds of boosting do."""
    loss, classes = model._loss, getattr(model, "classes_", None)
    trees = max(len(getattr(model, "_predictors", ())) or len(model.estimators_), 1)
    limit = FEW * 100 // trees if raw.many is None else FEWER * 100 // trees

    def answer(value: Any) -> tuple[Matrix, Matrix | None]:
        if raw.many is not None and len(value) > max(limit, 1):
            score = raw.many(value)
        else:
            score = (raw.few if len(value) <= max(limit, 1) else raw.own)(whole(value))
        if classes is None:
            return np.asarray(loss.link.inverse(score.ravel())), None
        if score.shape[1] == 1:
            return classes[(score.ravel() > 0).astype(int)], np.asarray(loss.predict_proba(score))
        return classes[np.argmax(score, axis=1)], np.asarray(loss.predict_proba(score))

    return answer


def _forest(model: Any) -> Head:
    if model.n_outputs_ != 1:
        raise Unknown("several outputs")
    trees = Trees([tree_of(tree) for tree in model.estimators_])
    count, classes, own = len(model.estimators_), getattr(model, "classes_", None), unnamed(model)
    limit = FEW * 100 // count
    whole = not model.estimators_[0]._support_missing_values(np.zeros((1, 1))) or not trees.missing.any()

    def answer(x: Matrix) -> tuple[Matrix, Matrix | None]:
        if len(x) > limit:
            if classes is None:
                return np.asarray(own.predict(x)), None
            chances = np.asarray(own.predict_proba(x))
            return classes[np.argmax(chances, axis=1)], chances
        with np.errstate(over="ignore"):
            small = x.astype(np.float32)
        if whole or np.isinf(small).any():
            finite(small)
        mean = _summed(0.0, trees.leaves(small)) / count
        if classes is None:
            return mean[:, 0], None
        return classes[np.argmax(mean, axis=1)], mean

    return answer


def trees_of(model: Any) -> list[Trees]:
    """Return the trees of a boosting, for each of the scores it adds up."""
    return [Trees(parts) for parts in grown_of(model)]


def grown_of(model: Any) -> list[list[dict[str, Matrix]]]:
    """Return the nodes of a boosting's trees, for each of the scores it adds up."""
    if hasattr(model, "estimators_"):
        return [[tree_of(tree) for tree in of] for of in model.estimators_.T]
    if model.is_categorical_ is not None and np.any(model.is_categorical_):
        raise Unknown("categorical features")
    return [[_grown(one.nodes) for one in of] for of in zip(*model._predictors, strict=True)]


def _grown(nodes: Any) -> dict[str, Matrix]:
    return {
        "left": nodes["left"],
        "right": nodes["right"],
        "leaf": nodes["is_leaf"],
        "feature": nodes["feature_idx"],
        "threshold": nodes["num_threshold"],
        "missing": nodes["missing_go_to_left"],
        "value": nodes["value"],
        "count": nodes["count"],
    }


def tree_of(tree: Any) -> dict[str, Matrix]:
    """Return the nodes of one of scikit-learn's trees."""
    inner = tree.tree_
    nodes = inner.__getstate__()["nodes"]
    return {
        "left": inner.children_left,
        "right": inner.children_right,
        "leaf": inner.children_left == -1,
        "feature": inner.feature,
        "threshold": inner.threshold,
        "missing": nodes["missing_go_to_left"] if "missing_go_to_left" in nodes.dtype.names else inner.feature < 0,
        "value": inner.value[:, 0, :],
        "count": inner.weighted_n_node_samples,
    }


def _summed(start: float, values: Matrix) -> Matrix:
    """Add up over the trees one after the other, as a loop does; `sum` would add in pairs, and round otherwise."""
    first = np.full((len(values), 1, *values.shape[2:]), start, dtype=values.dtype)
    total = np.cumsum(np.concatenate([first, values], axis=1), axis=1)
    return np.asarray(total[:, -1])


def is_nan(value: Any) -> bool:
    """Say whether a value is the missing one."""
    return isinstance(value, float) and math.isnan(value)

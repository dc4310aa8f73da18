"""The fast path gives the model's own answers, bit for bit, or is not taken."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

sys.path.insert(0, str(Path(__file__).parent))

import shops

from nb2prod.packers import fields, probe
from nb2prod.packers.model import described
from nb2prod.packers.probe import Verdict
from nb2prod.policy import Rules
from nb2prod.serving.fast import compile_model
from nb2prod.serving.table import Table

X = shops.frame(120)
NUMBERS = ["hours", "visits", "wage"]
TWO = np.where(X["hours"] + X["visits"] > 17, "yes", "no")
THREE = np.digitize(X["visits"], [6, 13])
SIZE = X["hours"] * 3 + X["visits"] + (X["plan"] == "gold")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a dozen rows alone are enough here, beside hundreds at once."""
    monkeypatch.setattr(probe, "SINGLES", 6)


def columns(encoder: Any = None, numbers: Any = None, **options: Any) -> Any:
    encoder = encoder or OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    numbers = numbers or make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((encoder, ["plan", "city"]), (numbers, NUMBERS), **options)


def verdict(fitted: Any, x: Any = X, kind: Any = "classification") -> Verdict:
    found = shops.candidate(x, fitted, kind)
    table = fields.learn(found)
    return probe.verdict(fitted, described(found, table, Rules()), fields.records(x, table, fitted))


@pytest.mark.parametrize("container", [pd.DataFrame, np.asarray], ids=["frame", "array"])
@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Ridge(),
        LogisticRegression(),
        make_pipeline(StandardScaler(), Ridge()),
        make_pipeline(SimpleImputer(), RobustScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), PCA(2), LogisticRegression()),
    ],
    ids=repr,
)
def test_a_linear_model_of_bare_numbers_is_compiled(model: Any, container: Any) -> None:
    """They are the first that anybody ships, and how their numbers lie in memory decides the last bits."""
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(200, 7)), columns=list("abcdefg")).assign(count=rng.integers(0, 9, 200))
    size = numbers.to_numpy() @ rng.normal(size=8)
    judge = hasattr(model, "predict_proba")
    fitted = model.fit(container(numbers), np.where(size > 0, "yes", "no") if judge else size)
    assert verdict(fitted, container(numbers), "classification" if judge else "regression").used


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OneHotEncoder(sparse_output=False, drop="if_binary", handle_unknown="ignore"),
        OneHotEncoder(sparse_output=False, drop="first"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=45),
        OrdinalEncoder(),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
    ],
    ids=str,
)
def test_encoders(encoder: Any) -> None:
    assert verdict(make_pipeline(columns(encoder), LogisticRegression()).fit(X, TWO)).used


@pytest.mark.parametrize(
    "numbers",
    [
        make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler(clip=True)),
        make_pipeline(SimpleImputer(add_indicator=True), RobustScaler(with_centering=False)),
        make_pipeline(SimpleImputer(strategy="constant", fill_value=-1), StandardScaler(with_mean=False)),
        make_pipeline(SimpleImputer(), PowerTransformer(), PCA(2)),
        make_pipeline(SimpleImputer(), make_union(StandardScaler(), KBinsDiscretizer(3, encode="ordinal"))),
        make_pipeline(SimpleImputer(), PolynomialFeatures(2, include_bias=False), SelectKBest(k=4)),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_numbers(numbers: Any) -> None:
    assert verdict(make_pipeline(columns(numbers=numbers), LogisticRegression(max_iter=2000)).fit(X, TWO)).used


@pytest.mark.parametrize(
    ("estimator", "labels"),
    [
        (LogisticRegression(), TWO),
        (LogisticRegression(max_iter=2000), THREE),
        (RandomForestClassifier(20, random_state=0), TWO),
        (RandomForestClassifier(20, max_depth=3, random_state=0), THREE),
        (ExtraTreesClassifier(20, random_state=0), TWO),
        (GradientBoostingClassifier(n_estimators=20), TWO),
        (GradientBoostingClassifier(n_estimators=20), THREE),
        (HistGradientBoostingClassifier(max_iter=20), TWO),
        (HistGradientBoostingClassifier(max_iter=20), THREE),
        (DecisionTreeClassifier(), THREE),
        (SVC(), TWO),
        (KNeighborsClassifier(3), THREE),
        (VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())]), TWO),
    ],
    ids=str,
)
def test_classifiers(estimator: Any, labels: Any) -> None:
    assert verdict(make_pipeline(columns(), estimator).fit(X, labels)).used


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        Ridge(),
        ElasticNet(),
        RandomForestRegressor(20, random_state=0),
        GradientBoostingRegressor(n_estimators=20),
        HistGradientBoostingRegressor(max_iter=20),
        HistGradientBoostingRegressor(max_iter=20, loss="poisson"),
    ],
    ids=str,
)
def test_regressors(estimator: Any) -> None:
    assert verdict(make_pipeline(columns(), estimator).fit(X, SIZE), kind="regression").used


def test_gaps_go_through_trees_that_know_them() -> None:
    split = ColumnTransformer([("n", "passthrough", make_column_selector(dtype_include=np.number))])

    assert verdict(make_pipeline(split, HistGradientBoostingClassifier(max_iter=20)).fit(X, TWO)).used
    assert verdict(make_pipeline(split, RandomForestClassifier(20)).fit(X, TWO)).used


def test_a_remainder_goes_along() -> None:
    x = X.drop(columns=["note"]).fillna(0.0)
    split = make_column_transformer((OneHotEncoder(), ["plan", "city"]), remainder="passthrough")

    assert verdict(make_pipeline(split, LogisticRegression(max_iter=5000)).fit(x, TWO), x).used


def test_single_precision_stays_single() -> None:
    x = X[["hours"]].astype("float32").assign(twice=(X["hours"] * 2).astype("float32"))

    # Not a linear model: how a sum of single precision is rounded depends on where in memory the numbers lie.
    assert verdict(make_pipeline(StandardScaler(), RandomForestClassifier(20)).fit(x, TWO), x).used


def test_an_array_and_a_column_of_texts_are_taken_as_they_are() -> None:
    array = X[["hours", "visits"]].to_numpy()
    texts = X["plan"] + " in " + X["city"]

    assert verdict(make_pipeline(StandardScaler(), SVC()).fit(array, TWO), array).used
    assert verdict(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, TWO), texts).used


def test_a_column_of_texts_beside_others() -> None:
    split = make_column_transformer((TfidfVectorizer(), "note"), (SimpleImputer(), NUMBERS))

    assert verdict(make_pipeline(split, LogisticRegression(max_iter=5000)).fit(X, TWO)).used


class Ratio(TransformerMixin, BaseEstimator):
    """A notebook's own transformer: it wants names."""

    def fit(self, x: Any, y: Any = None) -> Ratio:
        self.mean_ = x["wage"].mean()
        return self

    def transform(self, x: Any) -> Any:
        return pd.DataFrame({"a": x["wage"].fillna(self.mean_) / x["hours"], "b": x["visits"].clip(upper=9)})


class Shouted(TransformerMixin, BaseEstimator):
    """One that does more with its frame than an array frame can."""

    def fit(self, x: Any, y: Any = None) -> Shouted:
        return self

    def transform(self, x: Any) -> Any:
        return x.assign(city=x["city"].str.upper().str.len())[["city", "hours"]]


class Sceptic(Shouted):
    """One that tells an array frame from a frame."""

    def transform(self, x: Any) -> Any:
        return x[["hours"]] * (1 if isinstance(x, pd.DataFrame) else 2)


@pytest.mark.parametrize(("part", "how"), [(Ratio(), "sheets"), (Shouted(), "frames"), (Sceptic(), "frames")])
def test_the_notebooks_own_transformers_get_a_sheet_or_else_a_frame(part: Any, how: str) -> None:
    split = make_column_transformer((part, ["wage", "hours", "visits", "city"]), (OneHotEncoder(), ["plan"]))
    found = verdict(make_pipeline(split, HistGradientBoostingClassifier(max_iter=20)).fit(X, TWO))

    assert (found.used, found.how) == (True, how)


def test_the_notebooks_own_functions_get_an_array_frame() -> None:
    split = make_column_transformer(
        (FunctionTransformer(lambda x: x[["hours"]] / 24), ["hours"]), (OneHotEncoder(), ["plan"])
    )

    assert verdict(make_pipeline(split, LogisticRegression()).fit(X, TWO)).how == "sheets"


class Moody(TransformerMixin, BaseEstimator):
    """What it does depends on how many rows it gets, and on the order of columns it never named."""

    def fit(self, x: Any, y: Any = None) -> Moody:
        return self

    def transform(self, x: Any) -> Any:
        return np.asarray(x, dtype=float) + isinstance(x, np.ndarray)


def test_what_answers_otherwise_is_not_used() -> None:
    """The model gets an array from its first step, which a fast path may not tell from a frame."""
    split = make_column_transformer((SimpleImputer(), NUMBERS)).set_output(transform="pandas")
    fitted = make_pipeline(split, Moody(), LogisticRegression(max_iter=5000)).fit(X, TWO)

    assert verdict(fitted) == Verdict(used=False, why="there is no fast form of Moody may need the names of columns")


class Stateful(LogisticRegression):
    """A model whose class is not scikit-learn's own."""


def test_a_model_of_the_notebooks_own_class_is_asked_as_it_is() -> None:
    assert not verdict(make_pipeline(columns(), Stateful()).fit(X, TWO)).used


def test_a_difference_is_found() -> None:
    shift = FunctionTransformer(np.log1p)
    fitted = make_pipeline(make_column_transformer((shift, ["visits"]), (SimpleImputer(), ["wage"])), Ridge()).fit(
        X, SIZE
    )
    wrong = make_pipeline(*[step for _, step in fitted.steps[:-1]], Ridge(alpha=1.0001))
    wrong[-1].fit(fitted[:-1].transform(X), SIZE)
    found = shops.candidate(X, fitted, "regression")
    schema = described(found, fields.learn(found), Rules())
    rows = Table.of(schema).check(fields.records(X, fields.learn(found), fitted), most=200)

    assert probe._same(fitted, schema, compile_model(fitted, schema, sheets=True), rows)
    assert not probe._same(fitted, schema, compile_model(wrong, schema, sheets=True), rows)


def test_hostile_rows_reach_beyond_what_was_seen() -> None:
    found = shops.candidate(X, make_pipeline(columns(), SVC()).fit(X, TWO))
    table = fields.learn(found)
    schema = described(found, table, Rules())
    rows = probe.hostile(schema, fields.records(X, table, found.model))

    assert {row["city"] for row in rows} >= {"Köln", "\N{SNOWMAN} never seen"}
    assert {row["wage"] for row in rows} >= {None, 1e30, 0.0}
    assert max(row["visits"] for row in rows) > 2**53
    Table.of(schema).check(rows, most=len(rows))

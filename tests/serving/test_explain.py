"""An explanation's parts add up to what the model says, and belong to the fields that made them."""

from __future__ import annotations

import copy
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

sys.path.insert(0, str(Path(__file__).parent))

import shops
from shops import call

from nb2prod.packers import fields
from nb2prod.packers.explanations import reasons
from nb2prod.serving.explain import Explainer, adds_up, explainer
from nb2prod.serving.heads import Unknown
from nb2prod.serving.table import Rows, Table

CHANCE = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "age": CHANCE.normal(size=300),
        "age_gap": CHANCE.normal(size=300),
        "plan": CHANCE.choice(["x", "y", "z"], 300),
        "city": CHANCE.choice(["p", "q"], 300),
    }
)
X.loc[::7, "age"] = np.nan
TWO = np.where(X["age"].fillna(0) + (X["plan"] == "x") > 0.4, "yes", "no")
THREE = np.where(X["age_gap"] > 0.8, "high", np.where(X["age_gap"] < -0.5, "low", "mid"))
NUMBER = np.exp(X["age_gap"]) + (X["city"] == "p")


def columns() -> Any:
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    parts = [("n", numbers, ["age", "age_gap"]), ("c", OneHotEncoder(drop="first"), [2])]
    return ColumnTransformer(parts, remainder=OneHotEncoder())


def asked(model: Any, rows: int = 40) -> tuple[dict[str, Any], Rows]:
    table = fields.learn(shops.candidate(X, model))
    schema = {"container": "frame", "fields": [{**vars_of(f), "key": f.key} for f in table.fields]}
    return schema, Table.of(schema).check(fields.records(X.head(rows), table, model), most=rows)


def vars_of(one: fields.Field) -> dict[str, Any]:
    from attrs import asdict

    return asdict(one)


def explained(model: Any) -> tuple[Explainer, Rows]:
    schema, rows = asked(model)
    return explainer(model, schema), rows


MODELS = [
    (LogisticRegression(), TWO, "coefficients", "score"),
    (LogisticRegression(), THREE, "coefficients", "score"),
    (LinearSVC(), THREE, "coefficients", "score"),
    (SGDClassifier(random_state=0), TWO, "coefficients", "score"),
    (SVC(kernel="linear"), TWO, "coefficients", "score"),
    (LinearRegression(), NUMBER, "coefficients", "prediction"),
    (PoissonRegressor(), NUMBER, "coefficients", "log"),
    (DecisionTreeClassifier(max_depth=4), THREE, "paths", "probability"),
    (DecisionTreeRegressor(max_depth=4), NUMBER, "paths", "prediction"),
    (RandomForestClassifier(10), TWO, "paths", "probability"),
    (ExtraTreesClassifier(10), THREE, "paths", "probability"),
    (RandomForestRegressor(10), NUMBER, "paths", "prediction"),
    (GradientBoostingClassifier(n_estimators=10), TWO, "paths", "score"),
    (GradientBoostingClassifier(n_estimators=10), THREE, "paths", "score"),
    (GradientBoostingRegressor(n_estimators=10), NUMBER, "paths", "prediction"),
    (HistGradientBoostingClassifier(max_iter=10), TWO, "paths", "score"),
    (HistGradientBoostingClassifier(max_iter=10), THREE, "paths", "score"),
    (HistGradientBoostingRegressor(max_iter=10), NUMBER, "paths", "prediction"),
    (HistGradientBoostingRegressor(max_iter=10, loss="poisson"), NUMBER, "paths", "log"),
]


@pytest.mark.parametrize(("head", "labels", "method", "of"), MODELS, ids=lambda value: type(value).__name__)
def test_the_parts_add_up_to_what_the_model_says(head: Any, labels: Any, method: str, of: str) -> None:
    model = make_pipeline(columns(), head).fit(X, labels)
    found, rows = explained(model)
    told = found.explain(rows)

    assert (found.method, found.of) == (method, of)
    assert adds_up(found, rows)
    assert [one["prediction"] for one in told] == pytest.approx(model.predict(X.head(40)).tolist())
    for one in told:
        assert one["base"] + sum(c["contribution"] for c in one["contributions"]) == pytest.approx(one["sum"])


def others() -> list[tuple[Any, Any]]:
    """Models of other libraries, whose own Shapley values are told."""
    import catboost
    import lightgbm
    import xgboost

    few: dict[str, Any] = {"n_estimators": 5, "n_jobs": 1}
    silent: dict[str, Any] = {"n_estimators": 5, "thread_count": 1, "verbose": 0, "allow_writing_files": False}
    return [
        (xgboost.XGBClassifier(**few), TWO == "yes"),
        (xgboost.XGBClassifier(**few), np.unique(THREE, return_inverse=True)[1]),
        (xgboost.XGBRegressor(**few), NUMBER),
        (lightgbm.LGBMClassifier(**few, verbose=-1), TWO),
        (lightgbm.LGBMClassifier(**few, verbose=-1), THREE),
        (lightgbm.LGBMRegressor(**few, verbose=-1), NUMBER),
        (catboost.CatBoostClassifier(**silent), TWO),
        (catboost.CatBoostClassifier(**silent), THREE),
        (catboost.CatBoostRegressor(**silent), NUMBER),
    ]


def test_boosting_of_other_libraries_is_explained_by_its_own_shapley_values() -> None:
    for head, labels in others():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lightgbm's own, of names of columns
            inside, rows = explained(make_pipeline(columns(), head).fit(X, labels))
            alone = copy.deepcopy(head).fit(X[["age", "age_gap"]], labels)
            table = fields.learn(shops.candidate(X[["age", "age_gap"]], alone))
            schema = {"container": "frame", "fields": [{**vars_of(f), "key": f.key} for f in table.fields]}
            few = Table.of(schema).check(fields.records(X[["age", "age_gap"]].head(20), table, alone), most=20)

            assert inside.method == "shapley"
            assert adds_up(inside, rows)
            assert adds_up(explainer(alone, schema), few)


def test_what_is_explained_is_the_models_own_number() -> None:
    model = make_pipeline(columns(), RandomForestClassifier(10, random_state=0)).fit(X, THREE)
    found, rows = explained(model)

    assert [one["sum"] for one in found.explain(rows)] == pytest.approx(model.predict_proba(X.head(40)).max(axis=1))


def test_a_linear_contribution_is_coefficient_times_value() -> None:
    frame = X[["age_gap"]].assign(twice=lambda t: t["age_gap"] * 2 + 1)
    model = LinearRegression().fit(frame, frame["age_gap"] * 3)
    table = fields.learn(shops.candidate(frame, model))
    schema = {"container": "frame", "fields": [{**vars_of(f), "key": f.key} for f in table.fields]}
    rows = Table.of(schema).check([{"age_gap": 2.0, "twice": 4.0}], most=1)
    parts = {c["fields"][0]: c["contribution"] for c in explainer(model, schema).explain(rows)[0]["contributions"]}

    assert parts == pytest.approx({"age_gap": model.coef_[0] * 2, "twice": model.coef_[1] * 4})


@pytest.mark.parametrize(
    ("part", "origins"),
    [
        (columns(), [("age",), ("age_gap",), ("age",), ("plan",), ("plan",), ("city",), ("city",)]),
        (
            ColumnTransformer([("p", PolynomialFeatures(2, include_bias=False), ["age_gap"])], remainder="drop"),
            [("age_gap",)] * 2,
        ),
        (make_pipeline(columns(), SelectKBest(k=2)), [("age",), ("plan",)]),
        (make_pipeline(columns(), PCA(2)), [("age", "age_gap", "plan", "city")] * 2),
        (
            ColumnTransformer([("f", FunctionTransformer(lambda t: t * 2), ["age_gap"])], remainder="drop"),
            [("age_gap",)],
        ),
        (
            make_union(ColumnTransformer([("a", StandardScaler(), slice(1, 2))]), columns()),
            [("age_gap",), ("age",), ("age_gap",), ("age",), ("plan",), ("plan",), ("city",), ("city",)],
        ),
    ],
)
def test_each_column_of_a_matrix_is_led_back_to_the_fields_that_made_it(part: Any, origins: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_pipeline(part, LogisticRegression()).fit(X, TWO)
        found, rows = explained(model)

        assert list(found.origins) == origins
        assert adds_up(found, rows)


def test_the_best_of_a_search_is_explained() -> None:
    search = GridSearchCV(make_pipeline(columns(), LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2)
    found, rows = explained(search.fit(X, TWO))

    assert adds_up(found, rows)


def test_of_a_text_the_words_are_told() -> None:
    texts = ["good fine day", "bad awful day", "good good", "awful night"] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["yes", "no", "yes", "no"] * 5)
    table = fields.learn(shops.candidate(texts, model))
    schema = {"container": "series", "fields": [{**vars_of(f), "key": f.key} for f in table.fields]}
    rows = Table.of(schema).check([{"value": "a good day, not bad"}], most=1)
    (told,) = explainer(model, schema).explain(rows)

    assert [one["term"] for one in told["terms"]] == ["good", "bad", "day"]
    assert sum(one["contribution"] for one in told["terms"]) == pytest.approx(told["contributions"][0]["contribution"])


def test_a_model_whose_answers_are_no_sum_says_so() -> None:
    model = make_pipeline(columns(), SVC()).fit(X, TWO)
    schema, _ = asked(model)

    with pytest.raises(Unknown, match="SVC"):
        explainer(model, schema)
    assert (
        reasons(model, schema, [])["unexplained"]
        == "the model is a SVC, whose answers are no sum of parts that it tells"
    )


def test_parts_that_do_not_add_up_are_not_told() -> None:
    model = make_pipeline(columns(), SVC(kernel="linear")).fit(X, THREE)  # one vote for each pair of classes
    schema, _ = asked(model)
    rows = fields.records(X, fields.learn(shops.candidate(X, model)), model)

    assert reasons(model, schema, rows) == {
        "explain": None,
        "unexplained": "the parts of the model's answers do not add up to them",
    }


def test_a_service_explains(tmp_path: Path) -> None:
    frame = shops.frame()
    door = shops.opened(tmp_path, shops.candidate(frame, shops.model(frame)))
    body = json.dumps({"rows": [shops.example(door)] * 2}).encode()
    status, told, _ = call(door, "/explain", body)

    assert status == 200
    assert len(told) == 2
    assert told[0]["explains"] == "score"
    assert {name for one in told[0]["contributions"] for name in one["fields"]} == {
        "hours",
        "visits",
        "wage",
        "plan",
        "city",
    }
    assert call(door, "/docs.json")[1]["paths"]["/explain"]


def test_a_service_refuses_to_explain_what_it_would_not_answer(tmp_path: Path) -> None:
    frame = shops.frame()
    door = shops.opened(tmp_path, shops.candidate(frame, shops.model(frame)))
    row = shops.example(door)

    assert call(door, "/explain", json.dumps({"rows": [{**row, "hours": "x"}]}).encode())[0] == 400
    assert call(door, "/explain", json.dumps({"rows": [row] * 101}).encode())[0] == 400
    assert call(door, "/explain")[0] == 405
    assert call(door, "/explain", b"x", {"content-type": "text/plain"})[0] == 415


def test_a_service_that_cannot_explain_says_why(tmp_path: Path) -> None:
    frame = X[["age_gap", "plan"]]
    model = make_pipeline(ColumnTransformer([("c", OneHotEncoder(), ["plan"])], remainder="passthrough"), SVC())
    door = shops.opened(tmp_path, shops.candidate(frame, model.fit(frame, TWO)))
    status, said, _ = call(door, "/explain", json.dumps({"rows": [shops.example(door)]}).encode())

    assert status == 404
    assert "SVC" in said["error"]
    assert "/explain" not in call(door, "/docs.json")[1]["paths"]

"""The model to ship, confirmed by what the values say."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from books import document
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2prod import pipeline
from nb2prod.candidate import Candidate, Choice, choice, chosen, settle, wanted
from nb2prod.clues import Pair, clues
from nb2prod.notebook import parse
from nb2prod.refusals import HeldOutRowsMissing, ModelMissing, ModelsSeveral, TrainingRowsMissing

DATA = """
frame = pd.DataFrame({"hours": [n * 0.5 for n in range(40)], "visits": [n * 7 % 5 for n in range(40)]})
label = (frame["hours"] > 9).map({False: "no", True: "yes"}).rename("bought")
X_train, X_test, y_train, y_test = frame[::2], frame[1::2], label[::2], label[1::2]
"""
TOOLS = {
    "pd": pd,
    "DummyClassifier": DummyClassifier,
    "GridSearchCV": GridSearchCV,
    "LinearRegression": LinearRegression,
    "LogisticRegression": LogisticRegression,
    "StandardScaler": StandardScaler,
    "make_pipeline": make_pipeline,
}


def ship(*cells: str, named: Choice | None = None) -> Candidate:
    """Run cells as a notebook would, then settle on its model."""
    names: dict[str, Any] = dict(TOOLS)
    for cell in (DATA, *cells):
        exec(cell, names)
    return settle(clues((i, ast.parse(c)) for i, c in enumerate((DATA, *cells))), names, named or Choice())


def test_the_fitted_model_is_found_with_both_sets_of_rows() -> None:
    found = ship("clf = LogisticRegression().fit(X_train, y_train)", "clf.score(X_test, y_test)")

    assert (found.name, found.kind, found.cell) == ("clf", "classification", 1)
    assert (len(found.train), len(found.held)) == (20, 20)
    assert found.held.x.index[0] == 1


def test_a_regressor_is_one() -> None:
    assert ship(
        "reg = LinearRegression().fit(X_train, X_train['hours'])", "reg.score(X_test, X_test['hours'])"
    ).kind == ("regression")


def test_the_best_model_is_shipped_and_not_the_search() -> None:
    search = "search = GridSearchCV(LogisticRegression(), {'C': [1, 2]}, cv=2).fit(X_train, y_train)"
    found = ship(search, "best = search.best_estimator_", "best.score(X_test, y_test)")

    assert found.name == "best"


def test_a_step_of_a_pipeline_is_not_a_second_model() -> None:
    found = ship(
        "inner = LogisticRegression()\ninner.fit(X_train, y_train)",
        "whole = make_pipeline(StandardScaler(), inner)\nwhole.fit(X_train, y_train)\nwhole.score(X_test, y_test)",
    )

    assert found.name == "whole"


def test_the_notebooks_own_baseline_is_not_a_second_model() -> None:
    found = ship(
        "clf = LogisticRegression().fit(X_train, y_train)\nclf.score(X_test, y_test)",
        "dummy = DummyClassifier().fit(X_train, y_train)\ndummy.score(X_test, y_test)",
    )

    assert found.name == "clf"


def test_two_models_are_told_apart_by_the_user() -> None:
    cells = (
        "a = LogisticRegression().fit(X_train, y_train)",
        "b = LogisticRegression().fit(X_train, y_train)\nb.score(X_test, y_test)",
    )

    with pytest.raises(ModelsSeveral, match=r"'a' \(cell 2\), 'b' \(cell 3\)") as refused:
        ship(*cells)

    assert "--model b" in refused.value.cure
    assert ship(*cells, named=Choice(model="a", held=Pair(rows="X_test", labels="y_test"))).name == "a"


def test_a_notebook_without_a_model_is_refused() -> None:
    with pytest.raises(ModelMissing, match="NB401"):
        ship("total = frame.sum()")


def test_a_named_model_must_predict() -> None:
    with pytest.raises(ModelMissing, match="'frame' was named"):
        ship(named=Choice(model="frame"))


def test_training_rows_are_found_by_their_columns_when_the_code_does_not_say() -> None:
    found = ship(
        "bundle = {'x': X_train, 'y': y_train}\nclf = LogisticRegression().fit(*bundle.values())",
        "del frame, label",
        "clf.score(X_test, y_test)",
    )

    assert len(found.train) == 20


def test_lost_training_rows_are_asked_for() -> None:
    with pytest.raises(TrainingRowsMissing, match="NB403"):
        ship(
            "clf = LogisticRegression().fit(X_train, y_train)\nclf.score(X_test, y_test)",
            "del frame, label, X_train, y_train, X_test, y_test",
        )


def test_rows_the_model_has_seen_do_not_judge_it() -> None:
    with pytest.raises(HeldOutRowsMissing, match="NB404"):
        ship(
            "clf = LogisticRegression().fit(X_train, y_train)",
            "clf.score(frame, label)",
            "accuracy = clf.score(X_train, y_train)",
        )


def test_a_choice_is_read_from_metadata_and_options() -> None:
    metadata = {"model": "a", "features": "X", "target": "y", "holdout": ["P", "q"]}

    assert choice(metadata, [{"retries": 1}, {"model": "b"}]) == Choice(
        model="b", train=Pair(rows="X", labels="y"), held=Pair(rows="P", labels="q")
    )


def test_the_churn_notebook_keeps_its_model_and_rows() -> None:
    document = json.loads(Path("examples/churn/churn.ipynb").read_text(encoding="utf-8"))

    kept = wanted(pipeline.build(parse(document, "churn.ipynb")))

    assert {"model", "X_train", "X_test", "y_train", "y_test"} <= kept
    assert "customers" not in kept


def test_forests_are_not_taken_apart() -> None:
    """A forest holds many trees that predict; none of them has a name."""
    names = dict(TOOLS) | {"RandomForestRegressor": RandomForestRegressor}
    cells = (DATA, "f = RandomForestRegressor(5).fit(X_train, X_train.hours)\nf.score(X_test, X_test.hours)")
    for cell in cells:
        exec(cell, names)

    assert settle(clues((i, ast.parse(c)) for i, c in enumerate(cells)), names, Choice()).name == "f"


def test_a_stages_option_and_the_notebooks_metadata_name_the_model() -> None:
    book = document("%%stage train --model b\na = b = None", "c = None")
    book["metadata"]["nb2prod"] = {"model": "c", "holdout": ["P", "q"]}
    line = pipeline.build(parse(book, "test.ipynb"))

    assert chosen(line) == Choice(model="b", held=Pair(rows="P", labels="q"))
    assert wanted(line) == {"b"}


def test_metadata_that_is_nonsense_names_nothing() -> None:
    nonsense = choice({"model": 3, "features": ["X"], "target": "y", "holdout": "X_test"}, [])

    assert nonsense == Choice()
    assert Choice(model="X train", train=Pair(rows="X(", labels="y")).names == {"y"}

"""The model to ship, confirmed by what the values say."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from books import document
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from nb2prod import pipeline
from nb2prod.candidates.candidate import Candidate, Choice, choice, chosen, settle, wanted
from nb2prod.candidates.clue import Pair
from nb2prod.candidates.clues import clues
from nb2prod.errors.models import (
    HeldOutRowsMissing,
    ModelMissing,
    ModelsInside,
    ModelsSeveral,
    ModelUnjudged,
    TrainingRowsMissing,
)
from nb2prod.notebook import parse

DATA = """
frame = pd.DataFrame({"hours": [n * 0.5 for n in range(40)], "visits": [n * 7 % 5 for n in range(40)]})
label = (frame["hours"] > 9).map({False: "no", True: "yes"}).rename("bought")
X_train, X_test, y_train, y_test = frame[::2], frame[1::2], label[::2], label[1::2]
"""
TOOLS = {
    "pd": pd,
    "CountVectorizer": CountVectorizer,
    "DecisionTreeClassifier": DecisionTreeClassifier,
    "DummyClassifier": DummyClassifier,
    "GridSearchCV": GridSearchCV,
    "LinearRegression": LinearRegression,
    "LogisticRegression": LogisticRegression,
    "OneHotEncoder": OneHotEncoder,
    "StandardScaler": StandardScaler,
    "csr_matrix": csr_matrix,
    "make_column_transformer": make_column_transformer,
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


NOISE = """
import numpy as np
rng = np.random.default_rng(0)
X = pd.DataFrame({"a": rng.normal(size=400), "b": rng.integers(0, 9, 400), "c": rng.choice(["u", "v"], 400)})
y = pd.Series(rng.integers(0, 2, 400), name="y")
X_train, X_test, y_train, y_test = X[:300], X[300:], y[:300], y[300:]
encode = make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough")
model = make_pipeline(encode, DecisionTreeClassifier(random_state=0))
"""
SPLIT = "model.fit(X_train, y_train)\nmodel.score(X_test, y_test)"


def test_a_last_fit_on_everything_leaves_no_rows_to_judge_it() -> None:
    """The tree knows random labels by heart, and would score 1.0."""
    with pytest.raises(HeldOutRowsMissing, match=r"NB404: 'model' learnt from 100 of the 100 rows") as refused:
        ship(NOISE, SPLIT, "model.fit(X, y)")

    assert refused.value.place.cell == 3
    assert "Fit it on the training rows only" in refused.value.cure


@pytest.mark.parametrize(
    "last",
    [
        "model.fit(pd.concat([X_train, X_test], ignore_index=True), [*y_train, *y_test])",
        "model.fit(pd.concat([X_train, X_test[:2]]), pd.concat([y_train, y_test[:2]]))",
        "X = X.set_index(X.index.map('row {}'.format)); model.fit(X, y.astype(float))",
        "model.fit(X.sample(frac=1, random_state=1), y.sample(frac=1, random_state=1))",
    ],
)
def test_rows_are_known_again_by_what_they_hold(last: str) -> None:
    with pytest.raises(HeldOutRowsMissing, match="learnt from"):
        ship(NOISE, SPLIT, last)


@pytest.mark.parametrize(
    "made",
    [
        "P, q, P_test, q_test = X[['a', 'b']].to_numpy(), y.to_numpy(), X_test[['a', 'b']].to_numpy(), list(y_test)",
        "P, q, P_test, q_test = csr_matrix(X[['a', 'b']]), y, csr_matrix(X_test[['a', 'b']]), y_test",
        "import numpy as np\nturn = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)))[0]\n"
        "P, q, P_test, q_test = X[['a', 'b']] @ turn, y, np.array(X_test[['a', 'b']]) @ turn, y_test",
    ],
    ids=["arrays", "sparse", "last digits"],
)
def test_arrays_are_compared_as_frames_are(made: str) -> None:
    fit = "P = getattr(P, 'values', P)\nclf = DecisionTreeClassifier().fit({})\nclf.score(P_test, q_test)"

    with pytest.raises(HeldOutRowsMissing, match="'clf' learnt from 100 of the 100 rows"):
        ship(NOISE, made, fit.format("P, q"))
    kept = ship(NOISE, made, fit.format("P[:300], q[:300]"))

    assert (len(kept.train), len(kept.held)) == (300, 100)


FEW = """
import numpy as np
rng = np.random.default_rng(0)
X = pd.DataFrame({{"a": rng.integers(0, {values}, 4000), "b": rng.integers(0, {values}, 4000)}})
y = (X.a > X.b).rename("y")
model = LogisticRegression()
X_train, X_test, y_train, y_test = X[:3000], X[3000:], y[:3000], y[3000:]
"""


@pytest.mark.parametrize("values", [2, 5, 40, 90, 600])
@pytest.mark.parametrize("kind", ["frame", "own index", "array"])
def test_rows_that_are_equal_by_chance_may_judge(values: int, kind: str) -> None:
    turned = {
        "frame": "",
        "own index": "X_test, y_test = X_test.reset_index(drop=True), y_test.reset_index(drop=True)",
        "array": "X_train, X_test = X_train.to_numpy(), X_test.to_numpy()",
    }

    assert len(ship(FEW.format(values=values), turned[kind], SPLIT).held) == 1000


@pytest.mark.parametrize("values", [2, 40, 600])
def test_the_index_tells_equal_rows_apart(values: int) -> None:
    with pytest.raises(HeldOutRowsMissing, match="learnt from 1000 of the 1000 rows"):
        ship(FEW.format(values=values), SPLIT, "model.fit(X, y)")


def test_rows_of_another_time_may_repeat_more_often() -> None:
    """A machine that idles in the last quarter gives many rows that the first three quarters know too."""
    idle = "X.iloc[rng.choice(3000, 900, replace=False)] = 0; X.iloc[3000:3600] = 0; y[:] = X.a > X.b"

    assert len(ship(FEW.format(values=600).replace("model =", f"{idle}\nmodel ="), SPLIT).held) == 1000


def test_rows_that_were_copied_before_a_split_do_not_judge() -> None:
    """A rare class was drawn again and again, and is in both parts; a few rows that are alike are no matter."""
    rare = "X = pd.concat([X, X[:40].sample(300, replace=True, random_state=0)], ignore_index=True)"
    mixed = "X = X.sample(frac=1, random_state=0, ignore_index=True); y = X.a > 1"
    split = "X_train, X_test, y_train, y_test = X[['a']][:500], X[['a']][500:], y[:500], y[500:]"
    fit = "clf = LogisticRegression().fit(X_train, y_train)\nclf.score(X_test, y_test)"

    with pytest.raises(HeldOutRowsMissing, match="learnt from"):
        ship(NOISE, rare, mixed, split, fit)
    twice = "X = pd.concat([X, X[:20]] * 2, ignore_index=True)[:600]; X['a'] = rng.normal(size=600); X[590:] = X[:10]"
    assert ship(NOISE, twice, mixed, split, fit)


@pytest.mark.parametrize("turn", ["list", "pd.Series", "np.array"])
def test_texts_are_rows_too(turn: str) -> None:
    book = f"""
import numpy as np
texts = {turn}(["text number %d" % n for n in range(60)])
labels = [n % 2 for n in range(60)]
clf = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts[:40], labels[:40])
clf.score(texts[40:], labels[40:])
"""

    assert len(ship(book).held) == 20
    with pytest.raises(HeldOutRowsMissing, match="learnt from 20 of the 20 rows"):
        ship(book, "clf.fit(texts, labels)")


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


LOOP = "models = {'tree': DecisionTreeClassifier(), 'line': LogisticRegression()}\n"
LOOP += "for name, one in models.items():\n    one.fit(X_train, y_train)"


def test_the_one_that_is_taken_out_of_several_is_shipped() -> None:
    judged = "scores = {}\nfor name, one in models.items():\n    scores[name] = one.score(X_test, y_test)"
    found = ship(LOOP, judged, "best = models[max(scores, key=scores.get)]")

    assert (found.name, len(found.train), len(found.held)) == ("best", 20, 20)


def test_several_of_which_none_is_chosen_are_listed() -> None:
    with pytest.raises(ModelsInside, match=r"models\['tree'\], models\['line'\]") as refused:
        ship(LOOP)

    assert "`model = models['tree']`" in refused.value.cure


def test_what_was_written_and_read_again_is_one_model() -> None:
    fitted = "m = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)"
    again = "again = pickle.loads(pickle.dumps(m))\nagain.score(X_test, y_test)"
    other = "again = pickle.loads(pickle.dumps(DecisionTreeClassifier(max_depth=1).fit(X_train, y_train[::-1])))"

    assert ship(fitted, "import pickle", again).name == "m"
    with pytest.raises(ModelsSeveral):
        ship(fitted, "import pickle", other + "\nagain.score(X_test, y_test)")


@pytest.mark.parametrize("model", ["KMeans(2, n_init=1)", "IsolationForest(n_estimators=5)"])
def test_what_learns_without_labels_is_a_function_to_ship(model: str) -> None:
    tools = "from sklearn.cluster import KMeans\nfrom sklearn.ensemble import IsolationForest"
    with pytest.raises(ModelUnjudged, match="no labels") as refused:
        ship(tools, f"m = {model}.fit(X_train)", "m.predict(X_test)")

    assert "m.predict(rows)" in refused.value.cure


def test_several_labels_at_once_are_not_measured() -> None:
    with pytest.raises(ModelUnjudged, match="several labels"):
        ship(
            "Y = pd.DataFrame({'a': label == 'yes', 'b': frame['visits'] > 2}).astype(int)",
            "m = DecisionTreeClassifier().fit(X_train, Y[::2])",
            "m.score(X_test, Y[1::2])",
        )


def test_chances_without_classes_are_nobodys() -> None:
    own = "class Own:\n    def fit(self, X, y):\n        self.m = LogisticRegression().fit(X, y)\n        return self\n"
    own += "    def predict(self, X):\n        return self.m.predict(X)\n"
    own += "    def predict_proba(self, X):\n        return self.m.predict_proba(X)\n"
    found = ship(f"{own}m = Own().fit(X_train, y_train)\nm.predict(X_test)")

    assert (found.kind, found.probabilities(found.held.x)) == ("classification", None)


def test_whole_numbers_of_which_others_are_said_are_no_classes() -> None:
    own = "class Mean:\n    def fit(self, X, y):\n        self.m = y.mean() + 0.3\n        return self\n"
    own += "    def predict(self, X):\n        return [self.m] * len(X)\n"
    found = ship(f"{own}m = Mean().fit(X_train, X_train['visits'])\nm.predict(X_test)")

    assert found.kind == "regression"


def test_rows_that_stayed_in_a_function_are_missing_and_not_those_that_judge() -> None:
    made = "def train(rows, labels):\n    return LogisticRegression().fit(rows, labels), rows[1:], labels[1:]\n"
    hide = "m, left, right = train(X_train, y_train)\ndel frame, label, X_train, y_train, X_test, y_test"
    with pytest.raises(TrainingRowsMissing):
        ship(made + hide, "m.score(left, right)")

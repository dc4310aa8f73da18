"""What is done to rows outside of a model is found in the code, from name to name."""

from __future__ import annotations

import ast

from nb2prod.candidates.clues import clues
from nb2prod.candidates.preparation import Preparation, preparation


def read(*cells: str) -> Preparation:
    trees = [ast.parse(cell) for cell in cells]
    return preparation(trees, next(c for c in clues(enumerate(trees)) if c.model == "m"))


def test_what_scales_rows_and_encodes_labels_is_named() -> None:
    found = read(
        "X = scaler.fit_transform(frame[columns])\ny = names.fit_transform(frame['species'])",
        "X_train, X_test, y_train, y_test = train_test_split(X, y)",
        "m.fit(X_train, y_train)",
    )

    assert found == Preparation(rows=("scaler",), labels=("names",))


def test_columns_that_are_made_in_place_count() -> None:
    found = read(
        "df = pd.get_dummies(pd.read_csv('a.csv'))\ndf['city'] = encoder.transform(df['city'])",
        "train, test = train_test_split(df)",
        "m.fit(train.drop(columns='y'), train['y'])",
    )

    assert found.rows == ("pd.get_dummies", "encoder")


def test_functions_of_the_notebook_that_prepare_count_and_what_a_pipeline_does_does_not() -> None:
    own = read("def add_features(f):\n    return f.assign(a=1)", "X = add_features(raw)\nm.fit(X, y)")
    none = read(
        "def load():\n    return 1", "X, y = load()", "m = make_pipeline(StandardScaler(), SVC())", "m.fit(X, y)"
    )

    assert own.rows == ("add_features",)
    assert none == Preparation()

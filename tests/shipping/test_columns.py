"""Columns of every kind are served as the notebook had them."""

from __future__ import annotations

from pathlib import Path

import pytest
from books import written

from nb2prod import api
from nb2prod.api import Options

pytestmark = pytest.mark.ship


KINDS = """
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
rng = np.random.default_rng(0)
n = 200
LIMIT = 3
table = {f"k{i}": i for i in range(400)}
frame = pd.DataFrame({
    "a b": rng.normal(size=n), "class": rng.integers(0, 9, n), "model_x": rng.integers(0, 2, n).astype(bool),
    "plan": pd.Categorical(rng.choice(["lo", "mid", "hi"], n), categories=["lo", "mid", "hi"], ordered=True),
    "city": rng.choice(["Paris", "Köln \\"x\\""], n), "small": rng.normal(size=n).astype("float32"),
    "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
    "some": pd.array(rng.integers(0, 4, n), dtype="Int64"),
})
frame.loc[::7, "a b"] = np.nan
frame.loc[::5, "city"] = None
frame.loc[::9, "some"] = pd.NA
y = frame["class"] * 2 + frame["small"] + (frame["plan"] == "hi") * 3
"""

PARTS = """
def clip(x, top=LIMIT):
    return np.minimum(x, top) + table["k1"]

def stamp(frame):
    return np.column_stack([frame["when"].astype("int64") / 1e18, frame["plan"].cat.codes])
"""

MIXED = """
X_train, X_test, y_train, y_test = train_test_split(frame, y, random_state=0)
shift = FunctionTransformer(lambda x: x + LIMIT)
model = make_pipeline(make_column_transformer(
    (make_pipeline(SimpleImputer(), FunctionTransformer(clip), shift), ["a b", "small"]),
    (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False)), ["city"]),
    (FunctionTransformer(stamp), ["when", "plan"]),
    (SimpleImputer(), ["some"]),
    ("passthrough", ["class", "model_x"])), RandomForestRegressor(10, random_state=0))
model.fit(X_train, y_train)
print(model.score(X_test, y_test))
"""

TEXTS = """
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
rng = np.random.default_rng(0)
texts = pd.Series([" ".join(rng.choice("good bad nice poor".split(), 4)) for _ in range(100)], name="review")
liked = texts.str.contains("good")
model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts[:80], liked[:80])
print(model.score(texts[80:], liked[80:]))
"""

ARRAYS = """
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC
X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
search = GridSearchCV(SVC(), {"C": [1, 10]}).fit(X_train, y_train)
best = search.best_estimator_
best.score(X_test, y_test)
"""


@pytest.mark.parametrize("cells", [(KINDS, PARTS, MIXED), (TEXTS,), (ARRAYS,)], ids=["mixed", "texts", "arrays"])
def test_columns_of_every_kind_are_served_as_the_notebook_had_them(
    store: Path, tmp_path: Path, cells: tuple[str, ...]
) -> None:
    """The rehearsal compares; here it only has to have been passed."""
    result = api.ship(written(tmp_path, *cells), Options(verify=False))

    assert result["error"] is None
    assert result["rehearsal"]["equal"]

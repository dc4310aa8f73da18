"""What may not be released is not, and the reason is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from books import copied, written

from nb2prod import api, settings
from nb2prod.api import Options

pytestmark = pytest.mark.ship


LEAKY = """
import pandas as pd
from sklearn.linear_model import LinearRegression
class Model(LinearRegression):
    url = "postgresql://shop:%s@db.internal/sales"
train, test = pd.DataFrame({'x': [1.0, 2.0, 3.0]}), pd.DataFrame({'x': [4.0, 5.0]})
model = Model()
model.fit(train, [2.0, 4.0, 6.0])
model.score(test, [8.0, 10.0])
"""


def test_a_secret_is_not_packaged_unless_the_policy_says_that_it_is_none(store: Path, tmp_path: Path) -> None:
    path = written(tmp_path, LEAKY % "hunter2000")
    refused = api.ship(path)["error"]
    (tmp_path / "pyproject.toml").write_text('[tool.nb2prod.policy]\nsecrets = "pass"\n', encoding="utf-8")

    assert (refused["code"], refused["cell"]) == ("NB415", 0)
    assert "hunter2000" not in json.dumps(refused)
    assert api.ship(path)["ok"]


def test_a_broken_rule_of_the_policy_stops_a_ship_and_a_waiver_lets_it_pass(store: Path, tmp_path: Path) -> None:
    path, rule = copied("tiny_model", tmp_path), "cold_start_seconds at most 0.001"
    policy = "[tool.nb2prod.policy]\nat_most = { cold_start_seconds = 0.001 }\n"
    (tmp_path / "pyproject.toml").write_text(policy, encoding="utf-8")
    refused = api.ship(path)
    (tmp_path / "pyproject.toml").write_text(f'{policy}waivers = {{ "{rule}" = "a pilot" }}\n', encoding="utf-8")
    passed = api.ship(path)

    assert (refused["error"]["code"], refused["release"]) == ("NB416", None)
    assert rule in refused["error"]["message"]
    assert passed["gate"]["ok"]
    assert [v["waived"] for v in passed["gate"]["verdicts"] if not v["ok"] and v["severity"] == "error"] == ["a pilot"]
    assert passed["intervals"]


@pytest.mark.parametrize(("name", "code"), [("nothing_to_ship", "NB401"), ("failing_cell", "NB201")])
def test_a_ship_that_fails_says_why_and_leaves_no_release(store: Path, tmp_path: Path, name: str, code: str) -> None:
    path = copied(name, tmp_path)
    kept = sorted(p.name for p in store.glob("bentos/*/*"))

    result = api.ship(path)

    assert (result["ok"], result["release"], result["error"]["code"]) == (False, None, code)
    assert result["error"]["cure"]
    assert not (settings.home_of(path) / "releases").exists()
    assert sorted(p.name for p in store.glob("bentos/*/*")) == kept


PROCESS = "%%stage start\nimport os\nborn = os.getpid()"

DIFFERS = "%%stage look\nsame = born == os.getpid()\nprint(same)"


def test_stages_that_do_something_else_than_the_notebook_are_not_released(store: Path, tmp_path: Path) -> None:
    path = written(tmp_path, PROCESS, DIFFERS)
    result = api.ship(path)
    unheld = api.ship(path, Options(verify=False))

    assert tuple(result["error"][name] for name in ("code", "cell", "stage")) == ("NB413", 1, "look")
    assert '"True" straight, "False" staged' in result["error"]["message"]
    assert result["verify"]["equal"] is False
    assert result["release"] is None
    assert (unheld["error"]["code"], unheld["verify"]) == ("NB401", None)


LOCKED = """
import threading
import pandas as pd
from sklearn.linear_model import LinearRegression
train, test = pd.DataFrame({'x': [1.0, 2.0, 3.0]}), pd.DataFrame({'x': [4.0, 5.0]})
model = LinearRegression()
model.guard = threading.Lock()
model.fit(train, [2.0, 4.0, 6.0])
model.score(test, [8.0, 10.0])
"""


def test_a_model_that_cannot_leave_its_process_is_not_released(store: Path, tmp_path: Path) -> None:
    path = written(tmp_path, LOCKED)

    error = api.ship(path)["error"]

    assert error["code"] in {"NB205", "NB406"}  # by the run that cannot keep it, or by the package that cannot hold it
    assert "lock" in error["message"].lower()
    assert not (settings.home_of(path) / "releases").exists()


STATEFUL = """
class Model:
    '''Answers from a file that only the notebook's folder has.'''
    def fit(self, X, y):
        open('factor.txt', 'w').write('2')
        self.n_features_in_ = 1
        return self
    def predict(self, X):
        import os
        factor = float(open('factor.txt').read()) if os.path.exists('factor.txt') else 1.0
        return X['x'].to_numpy() * factor
"""

FIT = """
import pandas as pd
train, test = pd.DataFrame({'x': [1.0, 2.0, 3.0]}), pd.DataFrame({'x': [4.0, 5.0]})
model = Model()
model.fit(train, [2.0, 4.0, 6.0])
held = [8.0, 10.0]
said = model.predict(test)
print(max(abs(held - said)), len(held) == len(said))
check = dict(zip(held, said))
from sklearn.metrics import mean_absolute_error
mean_absolute_error(held, said)
"""


def test_a_service_that_answers_differently_is_not_released(store: Path, tmp_path: Path) -> None:
    path = written(tmp_path, STATEFUL, FIT)
    kept = sorted(p.name for p in store.glob("bentos/*/*"))

    result = api.ship(path)

    assert result["error"]["code"] == "NB410"
    assert "2 of 2 held-out rows differ" in result["error"]["message"]
    assert "row 1: the notebook says 8.0, the service 4.0" in result["error"]["detail"]
    assert not list((settings.home_of(path) / "releases").glob("*"))
    assert sorted(p.name for p in store.glob("bentos/*/*")) == kept

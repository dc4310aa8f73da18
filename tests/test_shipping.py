"""From a notebook to a service that answers as the notebook does, over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from attrs import evolve, frozen
from books import copied, written
from uv import find_uv_bin

from nb2prod import api, journal, process, schema, settings
from nb2prod.api import Options, Serving
from nb2prod.bundle import bento
from nb2prod.errors.runs import RunCancelled
from nb2prod.errors.ships import ServiceNotReady
from nb2prod.events import Event
from nb2prod.packers import packer
from nb2prod.process import Running
from nb2prod.releases import release, trust
from nb2prod.shipping import packages, releasing, steps

pytestmark = pytest.mark.ship

CHURN = Path(__file__).parents[1] / "examples" / "churn"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BentoML store that stands for the user's."""
    folder = tmp_path_factory.mktemp("bentoml")
    packages = os.environ.get("BENTOML_HOME")
    os.environ["BENTOML_HOME"] = str(folder)
    yield folder
    if packages is None:
        del os.environ["BENTOML_HOME"]
    else:
        os.environ["BENTOML_HOME"] = packages


@frozen
class Ship:
    """A ship that was made, with what the notebook's own process thought of its model."""

    path: Path
    home: Path
    result: dict[str, Any]


@pytest.fixture(scope="module")
def churn(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Ship:
    folder = tmp_path_factory.mktemp("churn")
    for file in CHURN.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    path = folder / "churn.ipynb"
    # The last cell writes down what the notebook itself predicts, in its own process.
    book = json.loads(path.read_text(encoding="utf-8"))
    witness = "import json, pathlib\npathlib.Path('said.json').write_text(json.dumps({\n"
    witness += "    'rows': X_test.to_dict('records'), 'predicted': predicted.tolist(),\n"
    witness += "    'risk': risk.tolist(), 'accuracy': accuracy, 'roc_auc': roc_auc}))"
    cell = {
        "cell_type": "code",
        "id": "witness",
        "metadata": {},
        "source": witness,
        "outputs": [],
        "execution_count": None,
    }
    book["cells"].append(cell)
    path.write_text(json.dumps(book), encoding="utf-8")
    return Ship(path, settings.home_of(path), api.ship(path))


@pytest.fixture
def served(churn: Ship, tmp_path: Path) -> Iterator[Running]:
    """The exported Bento, imported into another store and served from it."""
    archive = Path(churn.result["archive"])
    other = tmp_path / "other"
    bento.import_bento(archive, churn.result["bento"], home=other)
    running = process.serve(
        churn.result["bento"], home=other, port=process.free_port(), log=tmp_path / "service.log", python=_clean(churn)
    )
    yield running
    process.stop(running)


def _clean(churn: Ship) -> str:
    """An interpreter that has the Bento's own requirements, and nothing else."""
    place = churn.path.parent / "venv"
    python = str(place / "bin" / "python")
    if not place.exists():
        requirements = release.folder_of(churn.home, churn.result["release"]) / "service" / "requirements.txt"
        quiet: dict[str, Any] = {"check": True, "capture_output": True}
        subprocess.run([find_uv_bin(), "venv", "--python", sys.executable, str(place)], **quiet)
        install = [find_uv_bin(), "pip", "install", "--compile-bytecode", "--python", python, "-r", str(requirements)]
        subprocess.run(install, **quiet)
    return python


def test_the_churn_notebook_becomes_a_release(churn: Ship) -> None:
    result = churn.result

    assert result["ok"], result["error"]
    assert result["gate"]["ok"]
    assert result["rehearsal"] | {"rows": 500, "equal": True} == result["rehearsal"]
    assert api.releases(churn.home)[0].id == result["release"]


def test_its_metrics_are_the_ones_the_notebook_computes(churn: Ship) -> None:
    said = json.loads((churn.path.parent / "said.json").read_text(encoding="utf-8"))

    assert churn.result["metrics"]["accuracy"] == said["accuracy"]
    assert churn.result["metrics"]["roc_auc"] == said["roc_auc"]
    assert churn.result["baseline"]["metrics"]["accuracy"] == pytest.approx(0.859)


@pytest.mark.timeout(600)
def test_it_predicts_as_the_notebook_where_there_is_no_notebook(churn: Ship, served: Running) -> None:
    said = json.loads((churn.path.parent / "said.json").read_text(encoding="utf-8"))
    status, answers = process.ask(served, "/predict", {"rows": said["rows"]})

    assert status == http.HTTPStatus.OK
    assert [answer["prediction"] for answer in answers] == said["predicted"]
    assert [answer["probabilities"]["yes"] for answer in answers] == pytest.approx(said["risk"], abs=1e-9)


def test_bad_requests_are_the_clients_fault_and_say_where(churn: Ship, served: Running) -> None:
    example = json.loads((release.folder_of(churn.home, churn.result["release"]) / "service/example.json").read_text())
    bad: dict[str, Any] = {
        "state": 3,
        "account_length": 1.5,
        "total_day_minutes": "180",
        "total_day_calls": True,
        "total_eve_charge": None,
        "total_intl_calls": 2**64,
    }
    for field, value in bad.items():
        status, answer = process.ask(served, "/predict", {"rows": [example, {**example, field: value}]})
        assert (status, answer["detail"][0]["loc"]) == (400, ["rows", 1, field])
    for rows in ([], [{**example, "unheard": 1}], [{}], "rows"):
        assert process.ask(served, "/predict", {"rows": rows})[0] == http.HTTPStatus.BAD_REQUEST
    assert process.ask(served, "/predict", {"rows": [example]})[0] == http.HTTPStatus.OK


def test_a_request_holds_rows_and_nothing_else(churn: Ship, served: Running) -> None:
    example = json.loads((release.folder_of(churn.home, churn.result["release"]) / "service/example.json").read_text())
    connection = http.client.HTTPConnection(process.HOST, served.port, timeout=10)
    connection.request("GET", "/docs.json")
    schema = json.load(connection.getresponse())["components"]["schemas"]["Request"]
    connection.close()

    status, answer = process.ask(served, "/predict", {"rows": [example], "x": 1})

    assert (status, answer["detail"][0]["loc"]) == (400, ["x"])
    assert schema["additionalProperties"] is False
    assert schema["properties"]["rows"]["maxItems"] == 10_000


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"]
)
def test_a_page_of_another_site_cannot_post_unasked(churn: Ship, served: Running, kind: str) -> None:
    """Browsers post these kinds without a preflight, so the service takes none of them."""
    example = json.loads((release.folder_of(churn.home, churn.result["release"]) / "service/example.json").read_text())
    connection = http.client.HTTPConnection(process.HOST, served.port, timeout=10)
    connection.request("POST", "/predict", json.dumps({"rows": [example]}), {"content-type": kind} if kind else {})
    reply = connection.getresponse()
    answer = json.load(reply)
    connection.close()

    assert reply.status == http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert answer["error"] == f"content-type must be application/json, not '{kind}'"


def test_its_page_is_its_own_and_loads_nothing_from_elsewhere(churn: Ship, served: Running) -> None:
    connection = http.client.HTTPConnection(process.HOST, served.port, timeout=10)
    connection.request("GET", "/")
    reply = connection.getresponse()
    page = reply.read().decode()
    connection.close()

    assert reply.getheader("content-security-policy", "").startswith("default-src 'none'")
    assert "Try it" in page
    # A name of SVG's, which nobody asks for.
    assert set(re.findall(r"\w+://[^\"'\s]*", page)) <= {"http://www.w3.org/2000/svg"}


def test_nothing_of_jupyter_papermill_or_ours_goes_into_it(churn: Ship) -> None:
    service = release.folder_of(churn.home, churn.result["release"]) / "service"
    code = "\n".join(path.read_text(encoding="utf-8") for path in service.glob("**/*.py"))
    names = {line.partition("==")[0] for line in (service / "requirements.txt").read_text().splitlines()}

    assert not {"ipykernel", "ipython", "jupyter-client", "nbformat", "nb2prod", "papermill", "matplotlib"} & names
    assert "import nb2prod" not in code
    assert b"__main__" not in (service / "model.pkl").read_bytes()
    assert "class Usage" in (service / "churn_code.py").read_text(encoding="utf-8")


def test_its_fast_path_was_compared_with_the_model_on_real_and_hostile_rows(churn: Ship) -> None:
    tried = churn.result["rehearsal"]

    assert tried["hostile"] > 100
    assert tried["fast"] | {"used": True, "how": "sheets", "why": None} == tried["fast"]


def test_its_risk_sheet_holds_the_numbers_of_the_rehearsal(churn: Ship) -> None:
    sheet, shown = churn.result["risks"], api.show(churn.home, churn.result["release"])
    page = Path(churn.result["risk"]).read_text(encoding="utf-8")

    assert {name: churn.result["rehearsal"][name] for name in sheet["speed"]} == sheet["speed"]
    assert {"p99_ms", "requests_per_second", "cpu_ms", "memory_mb"} < set(sheet["speed"])
    for name in ("verify", "gate", "metrics"):
        assert sheet[name] == json.loads(json.dumps(churn.result[name]))
    assert 3e8 < sheet["size"]["image"] < 2e9
    assert all(item["ok"] for item in sheet["security"])
    assert (shown["risks"], shown["risk"]) == (sheet, churn.result["risk"])
    assert f"{sheet['speed']['p99_ms']:.2f} ms" in page


def test_what_nothing_has_changed_of_is_neither_packaged_nor_rehearsed_again(churn: Ship) -> None:
    again = api.ship(churn.path)
    told = {e["step"]: e["detail"] for e in journal.read(churn.home, again["run"]) if e.get("state") == "done"}
    first, second = (trust.trusted(churn.home, result["release"]) for result in (churn.result, again))

    assert again["ok"], again["error"]
    assert {told[name] for name in ("verify", "baseline", "package", "rehearse")} == {"as before"}
    assert (second.bento, second.archive_sha256, second.metrics) == (first.bento, first.archive_sha256, first.metrics)
    assert second.rehearsal == {**first.rehearsal, "of": first.id}
    assert first.id in Path(again["risk"]).read_text(encoding="utf-8")


def test_a_package_of_before_is_used_only_whole_and_of_the_same(churn: Ship) -> None:
    chosen = settings.read(churn.path)
    source = packer.source(churn.path, api.run(churn.path), store=api.store_of(chosen), home=churn.home)
    known = packages.find(source)
    assert known is not None
    file, part = next((churn.home / "packages").glob("*.pkl")), "schema.json"
    service = [release.folder_of(churn.home, made.id) / "service" for made in api.releases(churn.home)]

    assert known.packed.tag == churn.result["bento"]
    assert packages.find(evolve(source, rules=evolve(source.rules, ranges="refuse"))) is None
    with changed(file, file.read_bytes() + b" "):
        assert packages.find(source) is None  # not the file that was signed for
    with ExitStack() as stack:
        for folder in service:
            stack.enter_context(changed(folder / part, b"{}"))
        assert packages.find(source) is None
    assert packages.find(source) is not None


def test_a_ship_that_is_stopped_while_it_verifies_leaves_nothing_running(churn: Ship) -> None:
    source = packer.source(
        churn.path, api.run(churn.path), store=api.store_of(settings.read(churn.path)), home=churn.home
    )
    source = evolve(source, rules=evolve(source.rules, ranges="refuse"))  # another package than before
    before_it, log = api.releases(churn.home), churn.home / "services" / f"{releasing.named(source)}.log"

    def held() -> None:
        deadline = time.monotonic() + 120
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(RunCancelled):
        steps.ship(source, lambda _: None, held)

    assert (source.executed.parent / "ship" / "service.log").exists()
    assert [path.name for path in log.parent.glob("*") if log.stem in path.name] == []
    assert [one for one in psutil.Process().children(recursive=True) if "serve" in _words(one)] == []
    assert api.releases(churn.home) == before_it


def test_a_ship_that_is_killed_while_it_rehearses_leaves_nothing_running(store: Path, tmp_path: Path) -> None:
    path = copied("tiny_model", tmp_path)
    home = settings.home_of(path)
    command = [sys.executable, "-m", "nb2prod", "ship", path.name, "--serve", "--format", "json"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    family: list[psutil.Process] = []
    while not family and child.poll() is None:  # until BentoML has begun its worker
        every = psutil.Process(child.pid).children(recursive=True)
        served = [one for one in every if {"bentoml", "--worker-id"} & set(_words(one))]
        family = served if len(served) > 1 else []
        time.sleep(0.02)

    child.kill()
    child.wait()
    _, alive = psutil.wait_procs(family, timeout=60)

    assert family
    assert alive == []
    assert api.releases(home) == ()
    assert len(list(journal.read(home, next((home / "runs").iterdir()).name))) > 5


def _words(one: psutil.Process) -> list[str]:
    try:
        return one.cmdline()
    except psutil.Error:
        return []


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """Let a file hold something else in the block."""
    kept = path.read_bytes()
    path.write_bytes(content)
    yield
    path.write_bytes(kept)


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


def test_its_manifest_says_what_it_was_made_of(churn: Ship) -> None:
    made = release.read(churn.home, churn.result["release"])

    assert "file:churn.csv" in made.data
    assert any(pin.startswith("scikit-learn==") for pin in made.environment)
    assert made.model["rows"] == {"train": 4000, "held_out": 1000}
    assert made.bento == churn.result["bento"]


def test_every_step_is_told_in_order(churn: Ship) -> None:
    told = [e for e in journal.read(churn.home, churn.result["run"]) if e["event"] == "step"]

    names = ["check", "run", "verify", "baseline", "package", "rehearse", "release"]
    assert [(e["step"], e["state"]) for e in told] == [(s, state) for s in names for state in ("running", "done")]


@pytest.mark.parametrize(("name", "code"), [("nothing_to_ship", "NB401"), ("failing_cell", "NB201")])
def test_a_ship_that_fails_says_why_and_leaves_no_release(store: Path, tmp_path: Path, name: str, code: str) -> None:
    path = copied(name, tmp_path)
    packages = sorted(p.name for p in store.glob("bentos/*/*"))

    result = api.ship(path)

    assert (result["ok"], result["release"], result["error"]["code"]) == (False, None, code)
    assert result["error"]["cure"]
    assert not (settings.home_of(path) / "releases").exists()
    assert sorted(p.name for p in store.glob("bentos/*/*")) == packages


def test_the_stages_are_held_against_the_notebook_once(churn: Ship) -> None:
    verdict = churn.result["verify"]
    chosen, told = settings.read(churn.path), list[Event]()
    again = steps.verified(churn.path, api.run(churn.path), told.append, store=api.store_of(chosen), chosen=chosen)

    assert (verdict["equal"], verdict["differences"], verdict["unstable"]) == (True, [], [])
    assert verdict["cells"] > 10
    assert verdict["names"] > 10
    assert verdict == schema.verdict(again)
    assert told[-1].data["detail"] == "as before"
    assert told[-1].data["seconds"] < 0.1


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
    packages = sorted(p.name for p in store.glob("bentos/*/*"))

    result = api.ship(path)

    assert result["error"]["code"] == "NB410"
    assert "2 of 2 held-out rows differ" in result["error"]["message"]
    assert "row 1: the notebook says 8.0, the service 4.0" in result["error"]["detail"]
    assert not list((settings.home_of(path) / "releases").glob("*"))
    assert sorted(p.name for p in store.glob("bentos/*/*")) == packages


def test_a_service_goes_on_until_it_is_stopped(store: Path, tmp_path: Path) -> None:
    path = copied("tiny_model", tmp_path)
    home = settings.home_of(path)

    result = api.ship(path, Options(parameters={"strength": 0.5}), serving=Serving(target="local"))
    name, port = result["release"], int(result["url"].rpartition(":")[2])
    again = api.serve(home, name)
    began = psutil.Process(again.pid).create_time()
    asked = process.ask(process.Running(pid=0, port=port, started=0), "/drift.json", None)[1]["traffic"]["requests"]
    stopped = api.stop(home, name)

    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ServiceNotReady, match=f"NB409.*port {port} is in use"),
    ):
        api.serve(home, name, port=port)

    assert again.url == result["url"]
    assert again.pid == result["service"]["pid"]
    # It is the one that was rehearsed, and what it was asked then is not counted.
    assert began < (release.folder_of(home, name) / release.MANIFEST).stat().st_mtime
    assert asked == 0
    assert list((home / "services").glob("*.rehearsal")) == []
    assert stopped.state == "stopped"
    assert process.is_free(port)
    assert api.status(home, name).state == "stopped"
    assert not (home / "services" / f"{name}.json").exists()
    assert release.read(home, name).parameters == {"strength": 0.5}


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
    result = api.ship(written(tmp_path, *cells))

    assert result["error"] is None
    assert result["rehearsal"]["equal"]


def test_a_release_can_be_shown_by_the_command_line(churn: Ship) -> None:
    shown = [sys.executable, "-m", "nb2prod", "show", churn.result["release"], "--folder", str(churn.path.parent)]
    listed = [sys.executable, "-m", "nb2prod", "releases", str(churn.path.parent)]

    for command in (shown, listed):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert churn.result["release"] in done.stdout


def test_pickles_of_a_release_are_loaded_only_when_they_are_the_released_ones(churn: Ship, tmp_path: Path) -> None:
    service = tmp_path / "service"
    shutil.copytree(release.folder_of(churn.home, churn.result["release"]) / "service", service)
    (service / "model.pkl").write_bytes(pickle.dumps("something else"))

    code = "import service; service.Churn.inner()"
    done = subprocess.run([sys.executable, "-c", code], cwd=service, capture_output=True, text=True, check=False)

    assert "model.pkl is not the file that was released" in done.stderr

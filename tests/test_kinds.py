"""Each kind of model: a notebook is shipped, and its service says what the notebook says of the same rows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from bentos import stored
from books import FOLDER

from nb2prod import api, settings
from nb2prod.api import Options
from nb2prod.packers import previous
from nb2prod.releases import deployment, release
from nb2prod.releases.deployment import Deployment

pytestmark = pytest.mark.ship


@frozen(kw_only=True)
class Kind:
    """A notebook, and how its own process would ask and answer."""

    book: str
    request: str  # an expression of the notebook's names
    said: str  # likewise: what the service must answer, one value a row
    kind: str
    metric: str
    close: float = 0.0  # how far numbers may be from the notebook's: not at all, but for those of few digits
    key: str = "prediction"


FRAME = "{'rows': X_test.to_dict('records')}"
MATRIX = "{'rows': [{f'x{n}': v for n, v in enumerate(row)} for row in X_test.tolist()]}"
KINDS = [
    Kind(book="xgboost", request=FRAME, said="predicted.tolist()", kind="regression", metric="mae"),
    Kind(book="lightgbm", request=FRAME, said="predicted.tolist()", kind="classification", metric="log_loss"),
    Kind(book="catboost", request=FRAME, said="predicted.tolist()", kind="classification", metric="f1_macro"),
    Kind(book="ranking", request=FRAME, said="predicted.tolist()", kind="ranking", metric="ndcg"),
    Kind(book="torch_network", request=MATRIX, said="predicted.tolist()", kind="classification", metric="accuracy"),
    Kind(book="onnx_graph", request=MATRIX, said="predicted.tolist()", kind="classification", metric="accuracy"),
    Kind(
        book="booster",
        request="{'rows': test[features].to_dict('records')}",
        said="predicted.tolist()",
        kind="regression",
        metric="mae",
    ),
    Kind(
        book="images",
        request="{'rows': [{'image': one} for one in X_test.tolist()]}",
        said="predicted.tolist()",
        kind="classification",
        metric="accuracy",
    ),
    Kind(book="graph_columns", request=FRAME, said="predicted.tolist()", kind="classification", metric="accuracy"),
    Kind(
        book="ols",
        request="{'rows': test.drop(columns='price').to_dict('records')}",
        said="predicted.tolist()",
        kind="regression",
        metric="mae",
        close=1e-12,
    ),
    Kind(
        book="glm",
        request=FRAME,
        said="[{'0': 1 - p, '1': p} for p in risk.tolist()]",
        kind="classification",
        metric="log_loss",
        close=1e-12,
        key="probabilities",
    ),
    Kind(
        book="forecast",
        request="{'rows': known_test.to_dict('records')}",
        said="predicted.tolist()",
        kind="forecast",
        metric="mase",
    ),
    Kind(book="smoothing", request="{'horizon': len(test)}", said="predicted.tolist()", kind="forecast", metric="mase"),
]


@frozen
class Ship:
    """A ship, and what the notebook said in its own process."""

    path: Path
    result: dict[str, Any]
    said: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The service's."""
        return release.folder_of(settings.home_of(self.path), self.result["release"]) / "service"

    def ask(self, request: Any) -> Any:
        """Ask the released files in a process of their own, as its service does behind its door."""
        digest = release.read(settings.home_of(self.path), self.result["release"]).model["sha256"]
        command = [sys.executable, "-c", previous.ASK, json.dumps({"digest": digest})]
        asked: dict[str, Any] = {"input": json.dumps(request).encode(), "cwd": self.folder, "capture_output": True}
        done = subprocess.run(command, check=False, **asked)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return json.loads(done.stdout)


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A BentoML store that stands for the user's."""
    with stored(tmp_path_factory):
        yield


def shipped(kind: Kind, folder: Path) -> Ship:
    """Ship a copy of a notebook, whose last cell writes down what the notebook itself says."""
    book = json.loads((FOLDER / "kinds" / f"{kind.book}.ipynb").read_text(encoding="utf-8"))
    witness = f"import json, pathlib\nsaid = {{'request': {kind.request}, 'said': {kind.said}}}\n"
    witness += "pathlib.Path('said.json').write_text(json.dumps(said))"
    cell = {"cell_type": "code", "id": "witness", "metadata": {}, "outputs": [], "execution_count": None}
    book["cells"].append({**cell, "source": witness})
    path = folder / f"{kind.book}.ipynb"
    path.write_text(json.dumps(book), encoding="utf-8")
    result = api.ship(path, Options(verify=False))
    assert result["ok"], result["error"]
    return Ship(path, result, json.loads((folder / "said.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", KINDS, ids=[kind.book for kind in KINDS])
def test_the_service_says_what_the_notebook_says(kind: Kind, tmp_path: Path) -> None:
    ship = shipped(kind, tmp_path)
    made = release.read(settings.home_of(ship.path), ship.result["release"])
    answers = ship.ask(ship.said["request"])
    verdicts = {v["rule"].partition(" on ")[0]: v["ok"] for v in made.gate["verdicts"]}

    assert made.kind == kind.kind
    assert [one[kind.key] for one in answers] == _near(ship.said["said"], kind.close)
    assert made.intervals[kind.metric][0] <= made.metrics[kind.metric] <= made.intervals[kind.metric][1]
    assert made.rivals[0]["metrics"].keys() <= made.metrics.keys()
    assert made.rehearsal["equal"] is True
    assert verdicts["beats baseline"] is (kind.book != "ranking")  # one column ranks nearly as well there


def _near(said: list[Any], close: float) -> Any:
    return [pytest.approx(one, rel=close, abs=close) for one in said] if close else said


POLICY = "[tool.nb2prod.policy]\npickles = 'refuse'\n[tool.nb2prod.policy.at_least]\ncaught = 0.5\n"


@pytest.fixture(scope="module")
def twice(store: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ship, Ship]:
    """A notebook with a stage `baseline`, shipped with few trees, made live, and shipped with more."""
    folder = tmp_path_factory.mktemp("rivals")
    (folder / "pyproject.toml").write_text(POLICY, encoding="utf-8")
    path = folder / "rivals.ipynb"
    shutil.copy(FOLDER / "kinds" / "rivals.ipynb", path)
    home = settings.home_of(path)
    first = api.ship(path, Options(verify=False, parameters={"trees": 1}))
    assert first["ok"], first["error"]
    place = deployment.folder_of(home, release.read(home, first["release"]).place)
    deployment.write(place, Deployment(notebook="rivals.ipynb", port=0).promoted(first["release"]))
    second = api.ship(path, Options(verify=False))
    assert second["ok"], second["error"]
    return Ship(path, first, {}), Ship(path, second, {})


def test_a_stage_named_baseline_makes_the_model_to_beat(twice: tuple[Ship, Ship]) -> None:
    baseline = twice[1].result["baseline"]

    assert (baseline["name"], baseline["origin"]) == ("'simple' of the notebook", "stage")
    assert baseline["metrics"]["accuracy"] < twice[1].result["metrics"]["accuracy"]


def test_the_live_release_is_asked_about_the_same_rows(twice: tuple[Ship, Ship]) -> None:
    first, second = (release.read(settings.home_of(s.path), s.result["release"]) for s in twice)
    rivals = {rival["origin"]: rival for rival in second.rivals}
    verdict = next(v for v in second.gate["verdicts"] if v["rule"] == "as good as the live release on accuracy")

    assert "release" not in {rival["origin"] for rival in first.rivals}
    assert rivals["release"]["name"] == f"release {first.id}"
    assert rivals["release"]["metrics"]["accuracy"] == first.metrics["accuracy"]
    assert rivals["release"]["metrics"]["roc_auc"] == pytest.approx(first.metrics["roc_auc"])
    assert "most frequent class" in {rival["name"] for rival in second.rivals}
    assert verdict["ok"]


def test_numbers_of_the_notebook_are_taken_as_they_are_printed_or_bound(twice: tuple[Ship, Ship]) -> None:
    made = release.read(settings.home_of(twice[1].path), twice[1].result["release"])
    verdict = next(v for v in made.gate["verdicts"] if v["rule"] == "caught at least 0.5")

    assert 0 < made.metrics["share_bought"] < 1  # printed
    assert verdict["detail"] == f"{made.metrics['caught']:.4g}"  # bound


def test_the_plots_of_evaluating_stages_are_kept_and_named_by_their_stage(twice: tuple[Ship, Ship]) -> None:
    folder = twice[1].folder
    (plot,) = json.loads((folder / "card.json").read_text(encoding="utf-8"))["plots"]

    assert plot["path"] == "plots/evaluate.png"
    assert (folder / plot["path"]).read_bytes().startswith(b"\x89PNG")


def test_a_model_need_not_be_a_pickle(twice: tuple[Ship, Ship]) -> None:
    made = release.read(settings.home_of(twice[1].path), twice[1].result["release"])

    assert made.model["file"] == "model.skops"
    assert not list(twice[1].folder.glob("*.pkl"))
    assert made.rehearsal["fast"]["used"]
    assert len(twice[1].ask({"rows": [{"age": 30, "visits": 3}]})) == 1

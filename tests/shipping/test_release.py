"""What a ship of the churn notebook leaves: a release, its numbers, its files and its record."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nb2prod import api, journal
from nb2prod.releases import release
from nb2prod.text import verbs

from .conftest import Ship

pytestmark = pytest.mark.ship


def test_the_churn_notebook_becomes_a_release(churn: Ship) -> None:
    result = churn.result

    assert result["ok"], result["error"]
    assert result["gate"]["ok"]
    assert result["rehearsal"] | {"rows": 500, "equal": True} == result["rehearsal"]
    assert result["release"] in {made.id for made in api.releases(churn.home)}


def test_its_metrics_are_the_ones_the_notebook_computes(churn: Ship) -> None:
    said = json.loads((churn.path.parent / "said.json").read_text(encoding="utf-8"))

    assert churn.result["metrics"]["accuracy"] == said["accuracy"]
    assert churn.result["metrics"]["roc_auc"] == said["roc_auc"]
    assert churn.result["baseline"]["metrics"]["accuracy"] == pytest.approx(0.859)


def test_every_step_is_told_in_order(churn: Ship) -> None:
    told = [e for e in journal.read(churn.home, churn.result["run"]) if e["event"] == "step"]

    names = ["check", "run", "verify", "baseline", "package", "rehearse", "release"]
    assert [(e["step"], e["state"]) for e in told] == [(s, state) for s in names for state in ("running", "done")]


def test_its_manifest_says_what_it_was_made_of(churn: Ship) -> None:
    made = release.read(churn.home, churn.result["release"])

    assert "file:churn.csv" in made.data
    assert any(pin.startswith("scikit-learn==") for pin in made.environment)
    assert made.model["rows"] == {"train": 4000, "held_out": 1000}
    assert made.bento == churn.result["bento"]


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


def test_a_ship_ends_with_how_to_serve_what_it_made(churn: Ship) -> None:
    assert verbs.ship(churn.result).splitlines()[-1] == f"serve it with: nb2prod serve {churn.result['release']}"


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

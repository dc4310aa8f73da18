"""A release is made again from its record alone, elsewhere, and what of it is the same is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from books import document
from click.testing import CliRunner

from nb2prod import api, settings
from nb2prod.api import Options
from nb2prod.cli import main as cli
from nb2prod.errors.deployments import DataChanged, DataMissing, OriginMissing, ReleaseChanged
from nb2prod.releases import deployment, release

pytestmark = pytest.mark.ship

CELLS: tuple[Any, ...] = (
    "import pandas as pd\nfrom sklearn.ensemble import HistGradientBoostingClassifier\n"
    "from sklearn.model_selection import train_test_split\nfrom sklearn.metrics import accuracy_score\n"
    "from clean import cleaned",
    ("depth = 3\nseed = None", {"tags": ["parameters"]}),
    "%%stage load\npeople = cleaned(pd.read_csv('people.csv'))\nX = people[['hours', 'visits']]\n"
    "X_train, X_test, y_train, y_test = train_test_split(X, people['bought'], random_state=0)",
    "%%stage train\nmodel = HistGradientBoostingClassifier(max_depth=depth, min_samples_leaf=3, random_state=seed)\n"
    "model.fit(X_train, y_train)",
    "%%stage evaluate\naccuracy = accuracy_score(y_test, model.predict(X_test))",
)


@frozen
class Project:
    """A project under version control, and releases of its notebook."""

    folder: Path
    seeded: str  # nothing in it is left to chance
    drawn: str  # its model draws a seed of its own, which changes no prediction


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("project")
    before = dict(os.environ)
    os.environ["BENTOML_HOME"] = str(folder / ".nb2prod" / "bentoml")
    models = folder / "models"
    models.mkdir()
    rows = [f"{n * 0.5},{(n * 7) % 5},{'yes' if n * 0.5 + (n * 7) % 5 > 12 else 'no'}" for n in range(60)]
    (models / "people.csv").write_text("\n".join(["hours,visits,bought", *rows]) + "\n", encoding="utf-8")
    (models / "clean.py").write_text("def cleaned(frame):\n    return frame.dropna()\n", encoding="utf-8")
    (models / "people.ipynb").write_text(json.dumps(document(*CELLS)), encoding="utf-8")
    (folder / "pyproject.toml").write_text('[tool.nb2prod.policy]\nunknown = "refuse"\n', encoding="utf-8")
    (folder / ".gitignore").write_text(".nb2prod\n", encoding="utf-8")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "A notebook"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *command], cwd=folder, check=True)
    drawn = api.ship(models / "people.ipynb", Options(parameters={"depth": 2}, verify=False))
    assert drawn["ok"], drawn
    # What was live is a rival of what is shipped then, and so part of what it was made from.
    home = settings.home_of(models / "people.ipynb")
    wanted = deployment.Deployment(notebook="models/people.ipynb", port=1).promoted(drawn["release"])
    deployment.write(deployment.folder_of(home, wanted.notebook), wanted)
    seeded = api.ship(models / "people.ipynb", Options(parameters={"seed": 0}, verify=False))
    assert seeded["ok"], seeded
    yield Project(folder, seeded["release"], drawn["release"])
    os.environ.clear()
    os.environ |= before


@pytest.fixture
def clone(project: Project, tmp_path: Path) -> Path:
    """A clean clone, which gets nothing but the releases' own folders."""
    subprocess.run(["git", "clone", "-q", str(project.folder), str(tmp_path / "clone")], check=True)
    home = tmp_path / "clone" / ".nb2prod"
    shutil.copytree(settings.home_of(project.folder / "_") / "releases", home / "releases")
    return home


def test_in_a_clean_clone_it_comes_out_the_same_to_the_bit(project: Project, clone: Path) -> None:
    (clone.parent / "models" / "people.ipynb").unlink()  # the record alone is what it is made from
    (clone.parent / "models" / "clean.py").unlink()
    found = api.reproduce(clone, project.seeded)
    paths = {part["path"] for part in found["parts"] if part["same"]}

    assert (found["verdict"], found["ok"], found["code"]) == ("same bits", True, True)
    assert {"model.pkl", "schema.json", "service.py", "requirements.txt", "serving_runtime/core.py"} <= paths
    assert found["data"] == {"rows:train": True, "rows:held_out": True}
    assert [was == now for was, now in found["metrics"].values()] == [True] * len(found["metrics"])
    assert not [p for p in clone.iterdir() if p.name != "releases"]


def test_what_is_left_to_chance_is_said_in_an_environment_made_anew(project: Project, clone: Path) -> None:
    shown = CliRunner().invoke(
        cli.main, ["reproduce", project.drawn, "--folder", str(clone.parent), "--fresh", "--format", "json"]
    )
    found = json.loads(shown.stdout)

    assert shown.exit_code == 0, shown.output
    assert (found["verdict"], found["fresh"], found["packages"]) == ("same metrics", True, {})
    assert "model.pkl" in {part["path"] for part in found["parts"] if not part["same"]}
    assert found["data"] == {"rows:train": True, "rows:held_out": True}


def test_data_that_is_gone_or_changed_is_named(project: Project, clone: Path, tmp_path: Path) -> None:
    data = clone.parent / "models" / "people.csv"
    whole = data.read_text(encoding="utf-8")
    data.unlink()
    with pytest.raises(DataMissing, match=r"NB444: The notebook read 'people\.csv'"):
        api.reproduce(clone, project.seeded)
    data.write_text(whole.replace("yes", "no", 1), encoding="utf-8")
    with pytest.raises(DataChanged, match=r"NB445: 'people\.csv'"):
        api.reproduce(clone, project.seeded)


def test_a_record_that_was_changed_is_not_made_again(project: Project, clone: Path) -> None:
    source = release.folder_of(clone, project.seeded) / "source" / "project" / "models" / "people.ipynb"
    source.write_text(source.read_text(encoding="utf-8").replace("min_samples_leaf=3", "min_samples_leaf=4"))

    with pytest.raises(ReleaseChanged, match=r"NB440: 'source/project/models/people\.ipynb'"):
        api.reproduce(clone, project.seeded)


def test_a_record_that_was_thinned_out_says_so(project: Project, clone: Path) -> None:
    shutil.rmtree(release.folder_of(clone, project.seeded) / "source")
    shown = CliRunner().invoke(cli.main, ["reproduce", project.seeded, "--folder", str(clone.parent)])

    assert (shown.exit_code, "NB443" in shown.output) == (1, True)
    with pytest.raises(OriginMissing):
        api.reproduce(clone, project.seeded)

"""One ship of the churn notebook, and the service it makes, for all tests of shipping."""

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
from uv import find_uv_bin

from nb2prod import api, settings
from nb2prod.bundle import bento
from nb2prod.hosting import process
from nb2prod.hosting.process import Running
from nb2prod.releases import release

CHURN = Path(__file__).parents[2] / "examples" / "churn"


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BentoML store that stands for the user's."""
    with stored(tmp_path_factory) as folder:
        yield folder


@frozen
class Ship:
    """A ship that was made, with what the notebook's own process thought of its model."""

    path: Path
    home: Path
    result: dict[str, Any]


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def served(churn: Ship, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The exported Bento, imported into another store and served from it."""
    archive, other = Path(churn.result["archive"]), tmp_path_factory.mktemp("other")
    bento.import_bento(archive, churn.result["bento"], home=other)
    running = process.serve(
        churn.result["bento"], home=other, port=process.free_port(), log=other / "service.log", python=_clean(churn)
    )
    yield running
    process.stop(running)


def _clean(churn: Ship) -> str:
    """An interpreter that has the Bento's own requirements, and nothing else."""
    place = churn.path.parent / "venv"
    python = str(place / "bin" / "python")
    requirements = release.folder_of(churn.home, churn.result["release"]) / "service" / "requirements.txt"
    quiet: dict[str, Any] = {"check": True, "capture_output": True}
    subprocess.run([find_uv_bin(), "venv", "--python", sys.executable, str(place)], **quiet)
    install = [find_uv_bin(), "pip", "install", "--compile-bytecode", "--python", python, "-r", str(requirements)]
    subprocess.run(install, **quiet)
    return python

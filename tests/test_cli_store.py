from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from books import written
from click.testing import CliRunner, Result

from nb2prod import api, settings
from nb2prod.cli.main import main

pytestmark = pytest.mark.kernel


def invoke(*words: Any) -> Result:
    return CliRunner().invoke(main, ["store", *map(str, words)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("book")
    report = api.run(
        written(
            path,
            "%%stage load\nimport pandas as pd\nrows = pd.DataFrame({'x': range(100_000)})\nname = 'n'",
            "%%stage use\ntotal = int(rows.x.sum())\nprint(total)",
        )
    )
    assert report.error is None
    return path


def test_what_is_kept_is_listed_by_notebook_and_stage(folder: Path) -> None:
    found = json.loads(invoke("ls", folder, "--format", "json").output)
    text = invoke("ls", folder).output

    assert [pin["kind"] for pin in found["pins"]] == ["run"]
    assert [(s["stage"], s["lost"]) for s in found["pins"][0]["stages"]] == [("load", False), ("use", False)]
    assert text.startswith("run test.ipynb (801 kB)\n  load     801 kB")


def test_nothing_of_the_last_run_is_collected(folder: Path) -> None:
    found = json.loads(invoke("gc", folder, "--keep-days", 0, "--format", "json").output)

    assert (found["records"], found["blobs"]) == (0, 0)
    assert "Would remove 0 bytes" in invoke("gc", folder, "--dry-run").output


def test_a_value_becomes_a_file(folder: Path, tmp_path: Path) -> None:
    result = invoke("export", "load/rows", folder, "-o", tmp_path / "rows.parquet")

    assert result.exit_code == 0, result.output
    assert pd.read_parquet(tmp_path / "rows.parquet")["x"].sum() == 4_999_950_000
    assert invoke("export", "load/nothing", folder, "-o", tmp_path / "n.csv").exit_code == 1
    assert not (tmp_path / "n.csv").exists()


def test_damage_is_told_and_the_next_run_mends_it(folder: Path) -> None:
    assert invoke("verify", folder).output == "All is as it was kept.\n"
    blob = max((settings.home_of(folder / "_") / "store").rglob("*"), key=lambda p: p.stat().st_size)
    blob.chmod(0o644)
    blob.write_bytes(b"damaged")
    result = invoke("verify", folder)

    assert result.exit_code == 1
    assert "NB302" in result.output
    notebook = next(folder.glob("*.ipynb"))
    assert api.run(notebook).error is None
    assert invoke("verify", folder).exit_code == 0

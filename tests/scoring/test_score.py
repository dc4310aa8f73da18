"""Scoring a file: partitions in order, the service's own answers, and faults by row and column."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nb2prod import serving
from nb2prod.cli.main import main
from nb2prod.releases import release
from nb2prod.releases.release import Release

pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

NAME = "flat-20260101-000000-abcdef"
SERVING = Path(serving.__path__[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one release, of a linear model of two fields."""
    from sklearn.linear_model import LinearRegression

    place = tmp_path_factory.mktemp("project")
    rows = pd.DataFrame({"rooms": [1, 2, 3, 4], "area": [20.0, 45.0, 50.0, 90.0]})
    model = pickle.dumps(LinearRegression().fit(rows, [1.0, 2.0, 3.0, 5.0]))
    service = place / ".nb2prod" / "releases" / NAME / "service"
    shutil.copytree(SERVING, service / "serving_runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (service / "model.pkl").write_bytes(model)
    (service / "schema.json").write_text(json.dumps(_schema()))
    (service.parent / "flat.bento").write_bytes(b"archive")
    release.write(place / ".nb2prod", _manifest(hashlib.sha256(model).hexdigest(), release.hashes(service.parent)))
    return place


def _schema() -> dict[str, Any]:
    usual = {
        "nullable": False,
        "categories": [],
        "closed": False,
        "category": False,
        "low": None,
        "high": None,
        "ordered": False,
    }
    fields = [
        {"key": "rooms", "column": "rooms", "kind": "integer", "dtype": "int64", "example": 2, **usual},
        {"key": "area", "column": "area", "kind": "number", "dtype": "float64", "example": 45.0, **usual},
    ]
    shape = {"container": "frame", "probabilities": False, "classes": [], "labels": [], "fast": None}
    return {"fields": fields, "kind": "regression", **shape}


def _manifest(digest: str, files: dict[str, str]) -> Release:
    empty: dict[str, Any] = {name: {} for name in ("data", "parameters", "metrics", "baseline", "gate", "rehearsal")}
    texts = dict.fromkeys(("run", "notebook", "created", "code", "python", "bento"), "")
    archive = {"archive": "flat.bento", "archive_sha256": files["flat.bento"]}
    return Release(id=NAME, environment=(), model={"sha256": digest}, files=files, **archive, **texts, **empty)


def score(folder: Path, data: Path, output: str, *flags: str) -> Result:
    return CliRunner().invoke(
        main, ["score", NAME, str(data), "-o", str(folder / output), "--folder", str(folder), *flags]
    )


def _rows(number: int) -> Any:
    return pd.DataFrame(
        {"id": [f"r{n}" for n in range(number)], "rooms": range(number), "area": range(0, 2 * number, 2)}
    )


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow"])
def test_all_rows_are_scored_in_their_order(folder: Path, ending: str) -> None:
    from sklearn.linear_model import LinearRegression

    rows, data = _rows(25), folder / f"in.{ending}"
    {"parquet": rows.to_parquet, "csv": lambda to: rows.to_csv(to, index=False), "arrow": rows.to_feather}[ending](data)
    done = score(folder, data, f"out.{ending}", "--rows", "4", "--jobs", "2", "--keep", "id", "--format", "json")
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv, "arrow": pd.read_feather}[ending]
    assert done.exit_code == 0, (done.output, done.exception)
    found = read(folder / f"out.{ending}")
    model: LinearRegression = pickle.loads(next(folder.rglob("model.pkl")).read_bytes())

    assert json.loads(done.stdout)["rows"] == 25
    assert found["id"].tolist() == rows["id"].tolist()
    # Of other numbers of rows at a time, linear algebra gives other last digits.
    assert found["prediction"].tolist() == pytest.approx(model.predict(rows[["rooms", "area"]]).tolist(), rel=1e-12)


def test_columns_that_do_not_fit_are_listed(folder: Path) -> None:
    _rows(3).drop(columns="area").to_csv(folder / "bad.csv", index=False)
    done = score(folder, folder / "bad.csv", "bad.parquet")

    assert done.exit_code == 1
    assert "NB223" in done.output
    assert "the column 'area' is missing; the column 'id' is unknown to the model" in done.output
    assert not (folder / "bad.parquet").exists()


def test_rows_that_do_not_fit_are_listed(folder: Path) -> None:
    rows = _rows(20)
    rows["area"] = rows["area"].astype(object)
    rows.loc[13, "area"] = "large"
    rows.to_csv(folder / "odd.csv", index=False)
    done = score(folder, folder / "odd.csv", "odd.parquet", "--rows", "5", "--keep", "id")

    assert done.exit_code == 1
    assert "row 13, 'area' must be a number, not a text" in done.output
    assert [file.name for file in folder.glob("*odd.parquet*")] == []


def test_a_file_without_rows_is_refused(folder: Path) -> None:
    _rows(0).to_csv(folder / "none.csv", index=False)
    done = score(folder, folder / "none.csv", "none.parquet", "--keep", "id")

    assert done.exit_code == 1
    assert "none.csv' does not fit: it has no rows." in done.output
    assert [file.name for file in folder.glob("*none.parquet*")] == []


@pytest.mark.parametrize("name", ["model.pkl", "core.py"])
def test_what_was_not_released_is_not_loaded(folder: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    changed = next(copy.rglob(name))
    changed.write_bytes(changed.read_bytes() + b" ")
    _rows(3).to_csv(copy / "in.csv", index=False)
    done = score(copy, copy / "in.csv", "refused.csv", "--keep", "id")

    assert (done.exit_code, "NB440" in done.output) == (1, True)
    assert not (copy / "refused.csv").exists()

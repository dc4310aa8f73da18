"""The files of a service: short, readable, and safe to write from any notebook."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import openapi_spec_validator
import pandas as pd
import pytest
from attrs import evolve
from sklearn.linear_model import LinearRegression, LogisticRegression

from nb2prod import serving
from nb2prod.bundle import bento
from nb2prod.bundle.bento import Name, Parts, contents, version
from nb2prod.bundle.lift import Lifted
from nb2prod.bundle.pins import Pins
from nb2prod.candidates.candidate import Candidate, Rows
from nb2prod.packers import fields
from nb2prod.packers import model as packer
from nb2prod.policy import Rules

FRAME = pd.DataFrame({"hours": [1.0, 2.0, 3.0, 4.0], "visits": [1, 2, 1, 2]})


MODEL = Lifted(model=b"pickle")


def parts(
    frame: Any = FRAME,
    labels: Any = ("no", "yes", "no", "yes"),
    notebook: str = "churn.ipynb",
    lifted: Lifted = MODEL,
) -> Parts:
    number = not isinstance(labels[0], str | bool)
    model = (LinearRegression() if number else LogisticRegression()).fit(np.arange(len(labels))[:, None], labels)
    model.predict = lambda x: np.asarray(labels)[: len(x)]
    if not number:
        model.predict_proba = lambda x: np.full((len(x), 2), 0.5)
    rows = Rows(x=frame, y=labels)
    kind = "regression" if number else "classification"
    found = Candidate(name="m", cell=0, kind=kind, model=model, train=rows, held=rows)
    table = fields.learn(found)
    schema = packer.described(found, table, Rules())
    made = packer.parted(notebook, found, schema, lifted, {"metrics": {"accuracy": 0.5}})
    return evolve(made, pins=Pins(direct=("numpy==2",), indirect=()))


def service(given: Parts) -> str:
    return contents(given)["service.py"].decode()


def described(given: Parts) -> Any:
    return json.loads(contents(given)["openapi.json"])


@pytest.mark.parametrize(
    ("stem", "tag", "module", "cls"),
    [
        ("churn", "churn", "churn_code", "Churn"),
        ("Who buys? (final) v2", "who-buys-final-v2", "who_buys_final_v2_code", "WhoBuysFinalV2"),
        ("2026 forecast", "notebook-2026-forecast", "notebook_2026_forecast_code", "Notebook2026Forecast"),
        ("class", "notebook-class", "notebook_class_code", "NotebookClass"),
        ("—", "notebook", "notebook_code", "Notebook"),
        ("Größe, résumé", "grosse-resume", "grosse_resume_code", "GrosseResume"),
        ("churn " + "of " * 16 + "all", f"churn{'-of' * 15}", f"churn{'_of' * 15}_code", "Churn" + "Of" * 15),
    ],
)
def test_a_notebooks_name_fits_everywhere(stem: str, tag: str, module: str, cls: str) -> None:
    assert Name.of(stem) == Name(tag=tag, module=module, service=cls)


def test_the_service_is_python_of_one_page() -> None:
    text = service(parts())

    ast.parse(text)
    assert len(text.splitlines()) < 60
    assert "class Churn:" in text


def test_what_it_runs_on_knows_nothing_of_nb2prod() -> None:
    made = contents(parts())
    runtime = {path: data.decode() for path, data in made.items() if path.startswith("serving_runtime/")}

    own = Path(serving.__path__[0])
    assert set(runtime) == {f"serving_runtime/{path.relative_to(own).as_posix()}" for path in own.rglob("*.py")}
    assert not [path for path, text in runtime.items() if re.search(r"^\s*(from|import) nb2prod", text, re.MULTILINE)]


def test_the_description_is_valid_and_has_examples() -> None:
    found = described(parts())
    row = found["components"]["schemas"]["Row"]

    openapi_spec_validator.validate(found)
    assert row["properties"]["hours"] | {"type": "number", "examples": [2.5]} == row["properties"]["hours"]
    assert row["properties"]["visits"]["maximum"] == 2**63 - 1
    assert row["additionalProperties"] is False
    assert found["components"]["schemas"]["Answer"]["properties"]["prediction"]["enum"] == ["no", "yes"]
    jsonschema.validate(row["examples"][0], row)


def test_a_model_of_numbers_answers_with_numbers_only() -> None:
    answer = described(parts(labels=(1.5, 2.0, 3.0, 4.0)))["components"]["schemas"]["Answer"]["properties"]

    assert answer["prediction"] == {"type": "number"}
    assert "probabilities" not in answer


def test_columns_keep_their_names_whatever_they_are() -> None:
    frame = FRAME.set_axis(['a "b"', "class"], axis=1)

    assert set(json.loads(contents(parts(frame))["example.json"])) == {'a "b"', "class"}
    assert list(described(parts(frame))["components"]["schemas"]["Row"]["properties"]) == ['a "b"', "class"]


def test_a_hostile_name_stays_text() -> None:
    hostile = 'x""" + boom() + """.ipynb'
    tree = ast.parse(service(parts(notebook=hostile)))

    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "boom"]


def test_the_page_holds_nothing_of_the_notebook_but_the_services_name() -> None:
    frame = FRAME.set_axis(["</script><script>boom()", "visits"], axis=1)
    made = contents(parts(frame))

    assert b"boom" not in made["page.html"]
    assert json.loads(made["card.json"])["fields"][0]["key"] == "</script><script>boom()"


def test_the_same_files_have_the_same_version() -> None:
    made = contents(parts())

    assert version(made) == version(dict(reversed(made.items())))
    assert version(made) != version({**made, "model.pkl": b"other"})
    assert re.fullmatch("[0-9a-f]{16}", version(made))


def test_a_module_and_values_are_written_only_when_there_are_any() -> None:
    bare = contents(parts())
    full = contents(parts(lifted=Lifted(model=b"", source="x = 1\n", values=b"v")))

    assert not {"churn_code.py", "values.pkl"} & bare.keys()
    assert {"churn_code.py", "values.pkl"} <= full.keys()


def test_bentoml_gets_no_paths_and_no_trackers_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("BENTOML_CONFIG", "/elsewhere")

    found = bento.environment(Path("/store"))

    assert "PYTHONPATH" not in found
    assert "BENTOML_CONFIG" not in found
    assert (found["BENTOML_HOME"], found["BENTOML_DO_NOT_TRACK"]) == ("/store", "True")

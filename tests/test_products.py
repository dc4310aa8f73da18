"""From notebooks without a model, and one of texts, to services that answer as the notebooks do, over HTTP."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from attrs import frozen
from bentos import stored
from books import FOLDER
from openapi_spec_validator import validate

from nb2prod import api, settings
from nb2prod.bundle import bento
from nb2prod.errors.products import NotScored
from nb2prod.hosting import process
from nb2prod.hosting.process import Running
from nb2prod.releases import release
from nb2prod.scoring import score

pytestmark = pytest.mark.ship

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BentoML store that stands for the user's."""
    with stored(tmp_path_factory) as folder:
        yield folder


@frozen
class Shipped:
    """A notebook that was shipped, its service, and what the notebook's own process saw."""

    folder: Path
    result: dict[str, Any]
    running: Running

    @property
    def files(self) -> Path:
        return release.folder_of(settings.home_of(self.folder / "x.ipynb"), self.result["release"]) / "service"


def shipped(notebook: Path, folder: Path, store: Path, witness: str) -> Shipped:
    """Ship a notebook with one more cell, in which it writes down what it sees itself."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    cell = {"cell_type": "code", "id": "witness", "metadata": {}, "source": f"%%stage witness\n{witness}"}
    book["cells"].append({**cell, "outputs": [], "execution_count": None})
    path = folder / notebook.name
    path.write_text(json.dumps(book), encoding="utf-8")
    result = api.ship(path)
    assert result["ok"], result["error"]
    running = process.serve(result["bento"], home=store, port=process.free_port(), log=folder / "service.log")
    return Shipped(folder, result, running)


@pytest.fixture(scope="module")
def delivery(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    parcel = "{'weight': 2.0, 'sizes': [30, 20, 10]}"
    witness = (
        f"import json\nfrom pathlib import Path\nPath('said.json').write_text(json.dumps(predict({parcel}, 'near')))"
    )
    found = shipped(FOLDER / "delivery.ipynb", tmp_path_factory.mktemp("delivery"), store, witness)
    yield found
    process.stop(found.running)


@pytest.fixture(scope="module")
def reviews(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    witness = "from pathlib import Path\nPath('said.json').write_text(pd.DataFrame({'review': X_test, "
    witness += (
        "'said': predicted, 'good': model.predict_proba(X_test)[:, 1]}).to_json(orient='records', double_precision=15))"
    )
    found = shipped(FOLDER / "reviews.ipynb", tmp_path_factory.mktemp("reviews"), store, witness)
    yield found
    process.stop(found.running)


@pytest.fixture(scope="module")
def sales(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    folder = tmp_path_factory.mktemp("sales")
    shutil.copy(ROOT / "examples" / "sales" / "orders.csv", folder)
    rules = 'at_least = { "table.rows" = 5, "by_month.rows" = 48 }\nat_most = { "table.nulls" = 0 }\n'
    (folder / "pyproject.toml").write_text(f"[tool.nb2prod.policy]\n{rules}", encoding="utf-8")
    witness = "by_month.to_pickle('by_month.pkl')\nbest_sellers.to_pickle('best_sellers.pkl')"
    found = shipped(ROOT / "examples" / "sales" / "sales.ipynb", folder, store, witness)
    yield found
    process.stop(found.running)


def got(running: Running, path: str, accept: str = "*/*") -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(process.HOST, running.port, timeout=60)
    connection.request("GET", path, headers={"accept": accept})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply.status, data, {name.lower(): value for name, value in reply.getheaders()}


def asked(shop: Shipped, *rows: Any) -> tuple[int, Any]:
    return process.ask(shop.running, "/predict", {"rows": rows})


PARCEL = {"weight": 2.0, "sizes": [30, 20, 10]}


def test_a_function_answers_as_in_its_notebook(delivery: Shipped) -> None:
    said = json.loads((delivery.folder / "said.json").read_text(encoding="utf-8"))
    status, answers = asked(
        delivery, {"parcel": PARCEL, "zone": "near"}, {"parcel": PARCEL, "zone": "far", "express": True}
    )

    assert delivery.result["rehearsal"]["rows"] == 3  # the calls of the notebook, the last one among them
    assert status == 200
    assert answers[0] == {"prediction": said}
    assert answers[1]["prediction"]["days"] == 1


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"parcel": PARCEL}, "zone"),
        ({"parcel": PARCEL, "zone": "moon"}, "zone"),
        ({"parcel": {**PARCEL, "weight": "2"}, "zone": "near"}, "parcel.weight"),
        ({"parcel": {**PARCEL, "sizes": [1, 2.5]}, "zone": "near"}, "parcel.sizes.1"),
        ({"parcel": {**PARCEL, "colour": "red"}, "zone": "near"}, "parcel.colour"),
        ({"parcel": PARCEL, "zone": "near", "express": 1}, "express"),
        ({"parcel": PARCEL, "zone": "near", "pick_up": "soon"}, "pick_up"),
        ({"parcel": PARCEL, "zone": "near", "speed": 3}, "speed"),
        ("parcel", None),
    ],
)
def test_what_a_function_does_not_take_is_refused_by_field(delivery: Shipped, row: Any, field: str | None) -> None:
    status, said = asked(delivery, {"parcel": PARCEL, "zone": "near"}, row)

    assert status == 400
    assert [(fault["row"], fault["field"]) for fault in said["detail"]] == [(1, field)]


def test_what_a_function_says_of_a_row_is_told_to_whoever_asked(delivery: Shipped) -> None:
    good, heavy = {"parcel": PARCEL, "zone": "near"}, {"parcel": {**PARCEL, "weight": 31}, "zone": "near"}
    flat = {"parcel": {**PARCEL, "sizes": [0, 1, 1]}, "zone": "near"}
    status, said = asked(delivery, good, heavy, flat)

    assert status == 422
    assert [(fault["row"], fault["type"], fault["msg"]) for fault in said["detail"]] == [
        (1, "value", "a parcel weighs at most 30 kg"),
        (2, "no_answer", "the function cannot answer it (ZeroDivisionError)"),
    ]


def test_a_function_is_described_for_programs_and_people(delivery: Shipped) -> None:
    described = json.loads(got(delivery.running, "/docs.json")[1])
    card = json.loads(got(delivery.running, "/card.json")[1])
    validate(described)

    assert described["components"]["schemas"]["Row"]["required"] == ["parcel", "zone"]
    assert [(field["key"], field["kind"]) for field in card["fields"]] == [
        ("parcel", "json"),
        ("zone", "text"),
        ("pick_up", "text"),
        ("express", "boolean"),
    ]
    assert card["about"] == "Quote a delivery."
    assert process.ask(delivery.running, "/explain", {"rows": [{}]})[0] == 404


def test_a_model_of_texts_answers_as_in_its_notebook(reviews: Shipped) -> None:
    said = json.loads((reviews.folder / "said.json").read_text(encoding="utf-8"))
    status, answers = asked(reviews, *({"review": one["review"]} for one in said))

    assert status == 200
    assert [one["prediction"] for one in answers] == [one["said"] for one in said]
    assert [one["probabilities"]["good"] for one in answers] == pytest.approx([one["good"] for one in said], abs=1e-12)
    assert asked(reviews, {"review": 3})[0] == 400
    assert asked(reviews, {"review": None})[0] == 400


def test_a_model_of_texts_tells_which_words_moved_it(reviews: Shipped) -> None:
    status, (told,) = process.ask(reviews.running, "/explain", {"rows": [{"review": "Lovely staff, delicious bread!"}]})
    words = {one["term"]: one["contribution"] for one in told["terms"]}

    assert status == 200
    assert told["prediction"] == "good"
    assert words["delicious"] > words.get("bread", 0)
    assert told["base"] + sum(words.values()) == pytest.approx(told["sum"])


@pytest.mark.parametrize("name", ["by_month", "best_sellers"])
def test_a_table_is_given_out_to_the_bit(sales: Shipped, name: str) -> None:
    own = pd.read_pickle(sales.folder / f"{name}.pkl")
    own = own if name == "by_month" else own.reset_index()
    own[own.select_dtypes("str").columns] = own.select_dtypes("str").astype("str")
    arrow = pa.ipc.open_stream(got(sales.running, f"/tables/{name}.arrow")[1]).read_all().to_pandas()
    parquet = pd.read_parquet(BytesIO(got(sales.running, f"/tables/{name}", "application/vnd.apache.parquet")[1]))

    pd.testing.assert_frame_equal(arrow, own, check_exact=True)
    pd.testing.assert_frame_equal(parquet, own, check_exact=True)


def test_rows_are_selected_as_pandas_would(sales: Shipped) -> None:
    own = pd.read_pickle(sales.folder / "by_month.pkl")
    chosen = own[(own["region"] == "North") & (own["revenue"] >= 300)].sort_values("revenue", ascending=False)
    page = json.loads(got(sales.running, "/tables/by_month?region=North&revenue__gte=300&sort=-revenue&limit=3")[1])
    _, table, headers = got(sales.running, "/tables/by_month.csv?region=North&revenue__gte=300&sort=-revenue")

    assert page["total"] == len(chosen) == int(headers["x-total-count"])
    assert [row["revenue"] for row in page["rows"]] == chosen["revenue"].head(3).tolist()
    assert pd.read_csv(BytesIO(table))["revenue"].tolist() == chosen["revenue"].tolist()


def test_what_a_table_does_not_have_is_refused_by_name(sales: Shipped) -> None:
    status, said, _ = got(sales.running, "/tables/by_month?regoin=North&revenue=much")

    assert status == 400
    assert [fault["field"] for fault in json.loads(said)["detail"]] == ["regoin", "revenue"]
    for path, accept, code in (
        ("/tables/nothing", "*/*", 404),
        ("/tables/by_month.xlsx", "*/*", 404),
        ("/tables/by_month", "image/png", 406),
        ("/tables/../service.py", "*/*", 404),
        ("/figures/nothing", "*/*", 404),
    ):
        status, said, _ = got(sales.running, path, accept)
        assert status == code
        assert json.loads(said)["error"]


def test_a_figure_is_the_one_that_the_notebook_drew(sales: Shipped) -> None:
    listed = json.loads(got(sales.running, "/figures")[1])["figures"]
    status, data, headers = got(sales.running, f"{listed[0]['path']}.png")

    assert [one["title"] for one in listed] == ["Revenue by month"]
    assert (status, data[:4], headers["content-type"]) == (200, b"\x89PNG", "image/png")
    assert "sandbox" in headers["content-security-policy"]


def test_a_product_says_when_and_from_what_it_was_made(sales: Shipped) -> None:
    card, described = (json.loads(got(sales.running, path)[1]) for path in ("/card.json", "/docs.json"))
    validate(described)

    assert list(card["data"]) == ["orders.csv"]
    assert set(card["tables"]) == {"by_month", "best_sellers"}
    assert {"/tables/by_month", "/tables/by_month.csv", "/figures/publish"} <= set(described["paths"])
    names = {one["name"] for one in described["paths"]["/tables/by_month"]["get"]["parameters"]}
    assert {"region", "revenue__gte", "month__lt", "sort", "limit"} <= names
    assert not any(path.suffix == ".pkl" for path in sales.files.rglob("*"))


def test_a_product_is_judged_by_its_rows_and_gaps_and_not_by_a_baseline(sales: Shipped) -> None:
    rules = [verdict["rule"] for verdict in sales.result["gate"]["verdicts"]]

    assert {"table.rows at least 5", "by_month.rows at least 48", "table.nulls at most 0"} <= set(rules)
    assert not any("baseline" in rule for rule in rules)
    assert sales.result["baseline"] is None
    assert sales.result["rehearsal"]["rows"] >= 53


def test_there_are_no_rows_to_score(sales: Shipped) -> None:
    work = score.Work(data=sales.folder / "orders.csv", output=sales.folder / "scored.csv")

    with pytest.raises(NotScored, match=r"NB473: .* is a product"):
        score.run(settings.home_of(sales.folder / "sales.ipynb"), sales.result["release"], work)


def test_only_the_files_that_were_released_are_given_out(sales: Shipped, tmp_path: Path) -> None:
    from nb2prod.serving.core import Core

    shutil.copytree(sales.files, tmp_path / "service")
    text = (sales.files / "service.py").read_text(encoding="utf-8")
    hashes = json.loads(text[text.index("files=") + 6 :].partition("}")[0].replace("'", '"') + "}")
    digest = text[text.index('digest="') + 8 :][:64]
    Core(tmp_path / "service", digest=digest, files=hashes).load()
    table = tmp_path / "service" / "tables" / "by_month.parquet"
    table.write_bytes(table.read_bytes()[:-1] + b"X")

    with pytest.raises(RuntimeError, match=r"by_month\.parquet is not the file that was released"):
        Core(tmp_path / "service", digest=digest, files=hashes).load()


def test_services_without_a_model_need_nothing_of_scikit_learn(sales: Shipped, delivery: Shipped) -> None:
    for shop in (sales, delivery):
        requirements = (shop.files / "requirements.txt").read_text(encoding="utf-8")
        assert "scikit-learn" not in requirements
        assert bento.RUNTIME in {path.name for path in shop.files.iterdir()}
    assert "pandas" not in (sales.files / "requirements.txt").read_text(encoding="utf-8")

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from books import FOLDER, document, parsed, written
from hypothesis import given
from hypothesis import strategies as st

from nb2prod import api, edits, notebook
from nb2prod.notebook import Notebook
from nb2prod.pipeline import build
from nb2prod.stage import NAME
from nb2prod.suggest import edits as accepting
from nb2prod.suggest import suggest


def book(*cells: str | tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Make a notebook in which a text that begins with `#` and a space, or with `##`, is a Markdown title."""
    raw = document(*cells)
    for cell in raw["cells"]:
        if cell["source"].startswith(("# ", "##")) and "\n" not in cell["source"]:
            cell["cell_type"] = "markdown"
            del cell["outputs"], cell["execution_count"]
    return raw


def stages(raw: dict[str, Any]) -> dict[str, list[int]]:
    return {item.name: [cell.index for cell in item.cells] for item in suggest(notebook.parse(raw, "test.ipynb"))}


CHURN = (
    "# Who will leave?",
    "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression\nplt.style.use('ggplot')",
    "test_size = 0.2\nseed = -1",
    "## Load the data",
    "frame = pd.read_csv('churn.csv')",
    "frame.head()",
    "## Prepare",
    "def tidy(frame):\n    return frame.dropna()",
    "frame = tidy(frame)",
    "X_train, X_test, y_train, y_test = train_test_split(frame, frame.pop('y'), test_size=test_size)",
    "## Logistic regression",
    "model = LogisticRegression().fit(X_train, y_train)",
    "## How good is it? Results",
    "print(accuracy_score(y_test, model.predict(X_test)))",
)
BARE = tuple(cell for cell in CHURN if not cell.startswith("#"))


def test_titles_and_the_work_below_them_make_stages() -> None:
    assert stages(book(*CHURN)) == {
        "setup": [1],
        "parameters": [2],
        "load": [4, 5],
        "clean": [7, 8, 9],
        "train": [11],
        "evaluate": [13],
    }


def test_without_titles_the_calls_tell() -> None:
    found = stages(book(*BARE))

    assert {"setup", "parameters", "load", "train", "evaluate"} <= set(found)
    assert (found["load"], found["train"], found["evaluate"]) == ([2, 3], [7], [8])


def test_each_stage_has_a_reason_and_a_confidence() -> None:
    found = {item.name: item for item in suggest(notebook.parse(book(*CHURN), "test.ipynb"))}

    assert found["load"].why == (
        "the title 'Load the data' stands above; it begins to load data (`read_csv`); "
        "nothing made above is read below; the setup ends above"
    )
    assert found["evaluate"].why == (
        "the title 'How good is it? Results' stands above; it begins to evaluate (`accuracy_score`); "
        "`X_test`, `model`, `y_test` cross"
    )
    assert all(0 < item.confidence <= 1 for item in found.values())


def test_what_is_tagged_stays_as_it_is_and_the_rest_is_proposed_around_it() -> None:
    raw = book(*CHURN)
    raw["cells"][4]["source"] = "%%stage read --retries 2\n" + raw["cells"][4]["source"]
    raw["cells"][2]["metadata"] = {"tags": ["parameters"]}
    found = suggest(notebook.parse(raw, "test.ipynb"))

    assert [(item.name, item.given) for item in found if item.given] == [("read", True)]
    assert "parameters" not in {item.name for item in found}
    assert "train" in {item.name for item in found}


@pytest.mark.parametrize("magic", [False, True])
@pytest.mark.parametrize("cells", [CHURN, BARE, ("x = 1",), ("print(1)", "print(2)")])
def test_to_accept_is_to_tag_and_nothing_is_proposed_twice(cells: tuple[str, ...], magic: bool) -> None:
    raw = book(*cells)
    before = notebook.parse(raw, "test.ipynb")
    proposed = suggest(before)
    made = edits.apply(raw, accepting(before, proposed, magic=magic))
    after = notebook.parse(made, "test.ipynb")
    named = [item.name for item in proposed if item.role not in {"setup", "parameters"}]

    assert [stage.name for stage in build(after).stages if stage.role != "setup"] == named
    assert accepting(after, suggest(after), magic=magic) == ()
    assert [f.code for f in api.inspect(after)[1] if f.code == "NB113"] == []


def test_no_cut_parts_a_socket_from_its_reader_or_an_output_from_its_cell() -> None:
    cells = (
        "import pandas as pd",
        "## Load",
        "rows = socket.create_connection(address)",
        "## Train",
        "model.fit(rows)",
        "## Evaluate",
        "model.score(1)",
        "## Results",
        "print(_)",
    )
    found = stages(book(*cells))

    assert list(found.values())[1:] == [[2, 4], [6, 8]]


def test_what_is_tagged_as_setup_stays_above_the_first_stage() -> None:
    raw = book(("con = open('x')", {"tags": ["setup"]}), "rows = pd.read_csv(con)", "model.fit(rows)")

    assert stages(raw) == {"setup": [0], "load": [1], "train": [2]}


def test_names_are_identifiers_and_differ() -> None:
    cells = [f"## {title}" for title in ("2. Setup", "Größe & Gewicht", "Serve", "日本", "Train", "Train", "Train")]
    found = list(stages(book("import a", *(part for title in cells for part in (title, "a.work()")))))

    assert len(found) == len(set(found)) == 8
    assert all(name.isidentifier() and name.isascii() and name == name.lower() for name in found)
    assert not {"serve", "skip"} & set(found)
    assert found[0] == "setup"


CELL = st.sampled_from(
    [
        *(part for part in CHURN if part),
        "x = socket.socket()",
        "print(x, _)",
        "%%time\nframe.plot()",
        "%%stage kept\ny = 1",
        "for n in range(3):\n    best = n",
        "",
        "not python",
        "## 2. Größe",
    ]
)


@given(st.lists(CELL, max_size=12), st.booleans())
def test_whatever_the_cells_are_stages_are_runs_of_cells_with_names_of_their_own(cells: list[str], magic: bool) -> None:
    raw = book(*cells)
    before = notebook.parse(raw, "test.ipynb")
    proposed = suggest(before)
    parts = [cell.index for item in proposed if item.role != "parameters" for cell in item.cells]
    made = edits.apply(raw, accepting(before, proposed, magic=magic))
    after = notebook.parse(made, "test.ipynb")
    named = [item.name for item in proposed if not item.given]

    assert parts == sorted(set(parts))
    assert all(NAME.fullmatch(name) for name in named)
    assert len(set(named) - {"parameters"}) == len([name for name in named if name != "parameters"])
    assert accepting(after, suggest(after), magic=magic) == ()


def test_an_empty_notebook_has_no_stages() -> None:
    assert suggest(Notebook(name="empty.ipynb", cells=())) == ()
    assert stages(book("## Only words")) == {}


def test_syntax_that_is_no_python_is_a_stage_like_others() -> None:
    assert stages(book("import a", "this is no code", "x = 1")) == {"setup": [0], "work": [1, 2]}


def test_the_tiny_model_is_cut_where_its_author_cut_it() -> None:
    raw = notebook.parse(api.document.read(FOLDER / "tiny_model.ipynb"), "tiny_model.ipynb")

    assert all(item.given or item.role == "setup" for item in suggest(raw))


def test_a_fitted_scaler_is_no_model() -> None:
    found = suggest(parsed("x = load_x()", "scaler = StandardScaler()\nscaler.fit(x)\nz = scaler.transform(x)"))

    assert [item.name for item in found] == ["load", "features"]


@pytest.mark.kernel
def test_the_stages_that_are_proposed_run_equal_to_straight(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "import numpy as np\nfrom sklearn.datasets import load_iris\nfrom sklearn import linear_model",
        "rng = np.random.default_rng(0)\nX, y = load_iris(return_X_y=True)",
        "keep = rng.random(len(y)) < 0.7\nprint(keep.sum())",
        "model = linear_model.LogisticRegression(max_iter=1000)\nmodel.fit(X[keep], y[keep])",
        "score = model.score(X[~keep], y[~keep])\nprint(round(score, 3), rng.random())",
    )
    api.accept(path)
    verdict = api.verify(path)["verify"]

    assert [stage.name for stage in build(api.read(path)).stages] == ["setup", "load", "train", "evaluate"]
    assert (verdict["equal"], verdict["differences"]) == (True, [])

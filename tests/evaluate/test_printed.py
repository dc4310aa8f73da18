from __future__ import annotations

from typing import Any

import pytest
from books import document

from nb2prod import notebook
from nb2prod.evaluate.printed import metrics, names
from nb2prod.stage import split

KALE = {"tags": ["pipeline-metrics"]}


def read(source: str, said: str = "", shown: str | None = None) -> dict[str, float]:
    raw: dict[str, Any] = document("accuracy = f1 = 1", (source, KALE))
    raw["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [said]}] if said else []
    if shown is not None:
        result = {"output_type": "execute_result", "data": {"text/plain": shown}, "metadata": {}}
        raw["cells"][1]["outputs"].append(result)
    return metrics(split(notebook.parse(raw, "test.ipynb")), raw)


@pytest.mark.parametrize(
    ("source", "said", "shown", "found"),
    [
        ("print(accuracy)\nprint(f1)", "0.9\n1e-05\n", None, {"accuracy": 0.9, "f1": 1e-05}),
        ("print('results')\nprint(f1)", "results\n-3\n", None, {"f1": -3.0}),
        ("print(accuracy)\nf1", "0.5\n", "np.float64(0.25)", {"accuracy": 0.5, "f1": 0.25}),
        ("print(accuracy)\nprint(f1)", "two\nlines\nmore\n", None, {}),
        ("print(accuracy)\nfor x in (1, 2): print(x)", "0.5\n1\n2\n", None, {}),
        ("print(accuracy)", "nan\n", None, {}),
        ("print(accuracy)", "[0.5]\n", None, {}),
        ("print(accuracy, 1)", "0.5 1\n", None, {}),
        (
            "print('ROC AUC:', auc(y, p))\nprint(f'f1 = {f1:.2f}')",
            "ROC AUC: 0.91\nf1 = 0.50\n",
            None,
            {"roc_auc": 0.91, "f1": 0.5},
        ),
        ("print('recall', recall(y, p), 'of', 3)", "recall 0.5 of 3\n", None, {}),
        ("print(f'mean error (test) = {f1}')", "mean error (test) = 0.5\n", None, {"mean_error_test": 0.5}),
        ("print(f'accuracy {a} (nobody: {b})')", "accuracy 0.968   (nobody leaves: 0.859)\n", None, {}),
    ],
)
def test_numbers_are_read_where_it_is_plain_whose_they_are(
    source: str, said: str, shown: str | None, found: dict[str, float]
) -> None:
    assert read(source, said, shown) == found


def test_only_stages_that_evaluate_are_read() -> None:
    book = notebook.parse(document("%%stage train\nprint(loss)", ("print(acc)\nf1", KALE)), "test.ipynb")

    assert names(split(book)) == {"acc", "f1"}


@pytest.mark.parametrize(
    "source", ["print(acc, f1)", "print(f'{acc:.2f} and {f1}')", "print(round(acc, 2))\nf1", "acc = {}\nf1 = dict(a=1)"]
)
def test_names_that_are_told_in_a_text_are_measures_as_well(source: str) -> None:
    book = notebook.parse(document("x = 1", (source, KALE)), "test.ipynb")

    assert names(split(book)) == {"acc", "f1"}

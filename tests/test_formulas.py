"""Formulas: names in their text are the notebook's where it has set them, and columns elsewhere."""

from __future__ import annotations

from books import parsed

from nb2prod.checks import check
from nb2prod.formats import objects
from nb2prod.pipeline import build


def test_a_formula_reads_the_names_that_stages_above_have_set() -> None:
    line = build(
        parsed(
            "%load_ext nb2prod",
            "%%stage a\nimport numpy as np\ndef twice(v): return 2 * v\nx1 = 3",
            "%%stage b\nfit('y ~ np.log(x1) + twice(x2)') if (fit := print) else 0",
        )
    )

    assert {"np", "twice", "x1"} <= set(line.flows[-1].reads)
    assert {"y", "x2"}.isdisjoint(line.flows[-1].reads)
    assert [finding.code for finding in check(line)] == []


class Model:
    """A model as statsmodels' are: its formula is evaluated with what a frame above it sees, when it is made again."""

    formula = ""

    def __setstate__(self, state: dict[str, str]) -> None:
        import sys

        self.formula = state["formula"]
        frame = sys._getframe(2)
        self.value = eval(self.formula.partition("~")[2], frame.f_globals)


def test_a_model_looks_its_names_up_in_the_namespace_that_receives_it() -> None:
    model = Model()
    model.formula = "y ~ twice(4)"
    pickled = objects.dumps({"m": model}, {"__name__": "__main__", "twice": None})
    there = {"__name__": "__main__", "twice": lambda v: 2 * v}

    assert objects.loads(pickled.stream, there)["m"].value == 8

"""Registries: what libraries and modules beside the notebook were given reaches the stages below."""

from __future__ import annotations

from pathlib import Path

import forks
import pytest

HELPER = "CACHE = {}\nCOUNT = 0\ndef add(key):\n    global COUNT\n    CACHE[key] = COUNT\n    COUNT += 1\n"
LOG = (
    "import logging\nlog = logging.getLogger('mine')\nhandler = logging.FileHandler('x.log')\n"
    "handler.setFormatter(logging.Formatter('%(levelname)s|%(message)s'))\nlog.addHandler(handler)\nlog.setLevel(20)"
)


def ran(folder: Path, *cells: str) -> str:
    (folder / "beside_it.py").write_text(HELPER)
    above = "import sys, warnings\nsys.path.insert(0, '')\nwarnings.simplefilter('ignore')"
    found = forks.run([above, *(f"%%stage s{number}\n{cell}" for number, cell in enumerate(cells))], folder)

    assert found.execution.error is None, found.execution.error
    return found.texts[-1]


def test_a_module_beside_the_notebook_keeps_what_calls_have_changed(tmp_path: Path) -> None:
    last = "print(CACHE, beside_it.COUNT, CACHE is beside_it.CACHE)"

    assert ran(tmp_path, "import beside_it\nfrom beside_it import CACHE, add", "add('a')", "add('b')", last) == (
        "{'a': 0, 'b': 1} 2 True\n"
    )


def test_a_log_keeps_its_handlers_which_are_those_that_the_notebook_has(tmp_path: Path) -> None:
    last = "log.removeHandler(handler)\nlog.info('b')\nprint(log.handlers, open('x.log').read())"

    assert ran(tmp_path, LOG, "log.info('a')", last) == "[] INFO|a\n\n"


def test_values_are_shown_as_the_notebook_has_said(tmp_path: Path) -> None:
    said = "shown = get_ipython().display_formatter.formatters['text/plain']\nshown.for_type(int, show)"
    first = f"def show(value, printer, cycle): printer.text(f'{{value}}{{mark}}')\nmark = '!'\n{said}"

    assert "42?" in ran(tmp_path, first, "mark = '?'", "42")


def test_callbacks_of_events_are_those_that_the_notebook_has(tmp_path: Path) -> None:
    register = "get_ipython().events.register('pre_run_cell', watch.note)"
    first = f"class Watch:\n    seen = 0\n    def note(self, info): self.seen += 1\nwatch = Watch()\n{register}"
    last = "get_ipython().events.unregister('pre_run_cell', watch.note)\nprint(watch.seen)"

    assert ran(tmp_path, first, "1", last) == "2\n"
    assert ran(tmp_path, first, last, "print(watch.seen)") == "1\n"


def test_figures_that_stay_open_are_drawn_on_below(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    used = "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt"
    first = f"{used}\nfigure = plt.figure(5)\nplt.plot([1])"
    last = "plt.title('t')\nprint(plt.get_fignums(), plt.gcf() is figure, len(plt.gca().lines), plt.gca().get_title())"

    assert ran(tmp_path, first, last) == "[5] True 1 t\n"


def test_a_library_that_a_call_sets_up_is_set_up_in_each_stage(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "odd.py").write_text("import json\ndef install(name): setattr(json, name, 3)\n")
    first = "import odd\nname = 'three'\nodd.install(name)"

    assert ran(tmp_path, "sys.path.insert(0, 'lib')", first, "import json\nprint(json.three)") == "3\n"

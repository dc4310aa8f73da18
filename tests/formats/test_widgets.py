"""Widgets: they come back with their state, their parts and what they call."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import forks
import ipywidgets
from test_objects import space

from nb2prod.formats import objects


def moved(names: dict[str, Any], *kept: str) -> dict[str, Any]:
    """Store values, close their widgets as the end of their process does, and make them again."""
    pickled = objects.dumps({name: names[name] for name in kept}, names)
    for name in kept:
        if isinstance(names[name], ipywidgets.Widget):
            names[name].close_all()
    there: dict[str, Any] = {"__name__": "__main__"}
    there.update(objects.loads(pickled.stream, there, pickled.buffers))
    return there


def test_a_widget_keeps_its_id_its_state_and_its_handlers() -> None:
    names = space("seen = []\ndef note(change): seen.append(change['new'])") | {"w": ipywidgets.IntSlider(value=3)}
    names["w"].observe(names["note"], "value")
    identity = names["w"].model_id
    there = moved(names, "w", "note", "seen")
    there["w"].value = 5

    assert (there["w"].model_id, there["w"].max) == (identity, 100)
    assert there["seen"] == [5]
    assert names["seen"] == []


def test_a_button_and_the_box_around_it_are_still_one() -> None:
    names: dict[str, Any] = space("seen = []\ndef click(button): seen.append(1)") | {"b": ipywidgets.Button()}
    names["b"].on_click(names["click"])
    names["box"] = ipywidgets.HBox([names["b"]])
    there = moved(names, "b", "box", "click", "seen")
    there["b"].click()

    assert there["box"].children == (there["b"],)
    assert there["seen"] == [1]


def test_linked_widgets_stay_linked() -> None:
    names: dict[str, Any] = space("") | {"a": ipywidgets.IntText(), "b": ipywidgets.IntSlider()}
    names["link"] = ipywidgets.link((names["a"], "value"), (names["b"], "value"))
    there = moved(names, "a", "b", "link")
    there["a"].value = 4

    assert there["b"].value == 4


def test_a_widget_of_a_class_of_the_notebook_has_its_traits_in_another_stage(tmp_path: Path) -> None:
    first = (
        "import ipywidgets\nfrom traitlets import Unicode, observe\nclass Day(ipywidgets.DOMWidget):\n"
        "    value = Unicode('today').tag(sync=True)\n"
        "    @observe('value')\n    def note(self, change): print(change['new'])\nday = Day()"
    )
    last = "day.value = 'later'\nprint(Day().value, 'value' in day.keys, Day.layout is ipywidgets.DOMWidget.layout)"
    found = forks.run([f"%%stage a\n{first}", f"%%stage b\n{last}"], tmp_path)

    assert found.execution.error is None, found.execution.error
    assert found.texts[-1] == "later\ntoday True True\n"


def test_the_line_of_a_widget_stays_open_when_an_earlier_value_of_it_is_gone() -> None:
    names: dict[str, Any] = space("") | {"w": ipywidgets.IntSlider()}
    pickled = objects.dumps({"w": names["w"]}, names)
    names["w"].close_all()
    there = objects.loads(pickled.stream, {})
    later = objects.loads(pickled.stream, {})
    there.clear()
    gc.collect()
    later["w"].close()

    assert later["w"].comm is None

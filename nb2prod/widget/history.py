"""History: what was done with a notebook, and what differs between two of its runs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ipywidgets

from nb2prod import api, jobs, settings
from nb2prod.errors.base import Nb2ProdError
from nb2prod.schema import error as error_json
from nb2prod.text import verbs
from nb2prod.widget import drawing

if TYPE_CHECKING:
    from pathlib import Path

MOST = 50  # a longer list is no help; a terminal has them all
_KINDS = ("all", "ship", "run", "failed")


class History(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Lists the runs of a notebook, also those that a terminal or the Lab has started.

    Args:
        path: The notebook's file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.home = path, settings.home_of(path)
        self.runs: list[dict[str, Any]] = []
        self.table = ipywidgets.HTML()  # for front-ends without widgets; the list has the same
        self.kind = ipywidgets.Dropdown(description="Show", options=_KINDS, layout=ipywidgets.Layout(width="12em"))
        self.list = ipywidgets.SelectMultiple(description="Runs", rows=6, layout=ipywidgets.Layout(width="auto"))
        self.compare_button = ipywidgets.Button(description="Compare", tooltip="Show what differs between two runs")
        self.refresh_button = ipywidgets.Button(description="Refresh", tooltip="Look for runs that others have started")
        self.found = ipywidgets.HTML()
        self.kind.observe(lambda _: self._show(), "value")
        self.list.observe(lambda _: self._enable(), "value")
        self.compare_button.on_click(lambda _: self.compare())
        self.refresh_button.on_click(lambda _: self.refresh())
        buttons = ipywidgets.HBox([self.kind, self.compare_button, self.refresh_button])
        super().__init__([buttons, self.list, self.found])
        self.refresh()

    @property
    def text(self) -> str:
        """The runs, for front-ends without widgets."""
        return verbs.history(self.runs) if self.runs else ""

    def refresh(self) -> None:
        """Read the records again."""
        self.runs = jobs.history(self.home, self.path)[:MOST]
        self.table.value = drawing.history(self.runs)
        self._show()

    def compare(self) -> None:
        """Show what differs between the two runs that are chosen, the older one first."""
        one, other = sorted(self.list.value)
        try:
            self.found.value = drawing.comparison(api.compare(self.home, one, other))
        except Nb2ProdError as wrong:
            self.found.value = drawing.error(error_json(wrong))

    def _show(self) -> None:
        kind, chosen = self.kind.value, set(self.list.value)
        self.list.options = [(_line(run), run["run"]) for run in self.runs if _fits(run, kind)]
        self.list.value = [run for _, run in self.list.options if run in chosen]
        self._enable()

    def _enable(self) -> None:
        self.compare_button.disabled = len(self.list.value) != 2


def _fits(run: dict[str, Any], kind: str) -> bool:
    return kind in {"all", run["verb"]} or (kind == "failed" and run["state"] in {"failed", "lost"})


def _line(run: dict[str, Any]) -> str:
    when = datetime.fromtimestamp(run["started"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return "  ".join(filter(None, [when, run["verb"], run["state"], f"{run['seconds']:.1f} s", run["release"]]))

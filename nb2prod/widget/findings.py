"""Findings: what is to be mended, each with a button for every way to do it in the notebook's file."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from nb2prod import api
from nb2prod.errors.base import Nb2ProdError
from nb2prod.schema import error as error_json
from nb2prod.widget import drawing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

WRITTEN = "Written into {name}: reload it here (in Jupyter: File, Reload Notebook from Disk) before you go on."
_GONE = "{name} has changed since; look again."


class Findings(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Lists findings of the notebook as it is saved; a click does as a cure says, in the file.

    Args:
        path: The notebook's file.
        tell: Called when the file has been written.
    """

    def __init__(self, path: Path, tell: Callable[[], None]) -> None:
        self.path, self._tell = path, tell
        self.html = ""  # for front-ends without widgets; the rows say the same
        self.news = ipywidgets.HTML()
        super().__init__([self.news])

    def show(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Draw findings, given as JSON."""
        html = drawing.findings(found)
        if html != self.html:
            self.html = html
            self.children = (*(part for item in found for part in self._row(item)), self.news)

    def mend(self, item: Mapping[str, Any], title: str) -> None:
        """Do as a cure says."""
        try:
            done = api.mend(self.path, item["code"], item["cell_id"], title)
        except Nb2ProdError as wrong:
            self.news.value = drawing.error(error_json(wrong))
            return
        self.news.value = escape((WRITTEN if done else _GONE).format(name=self.path.name))
        self._tell()

    def _row(self, item: Mapping[str, Any]) -> list[ipywidgets.Widget]:
        said = ipywidgets.HTML(drawing.findings([item]))
        buttons = [self._button(item, fix["title"]) for fix in item["fixes"]]
        row = ipywidgets.Layout(flex_flow="row wrap", margin="0 0 0 1.5em")
        return [said, *([ipywidgets.HBox(buttons, layout=row)] if buttons else [])]

    def _button(self, item: Mapping[str, Any], title: str) -> ipywidgets.Button:
        button = ipywidgets.Button(description=title, icon="wrench", layout=ipywidgets.Layout(width="auto"))
        button.tooltip = f"{title}, in {self.path.name}"
        button.on_click(lambda _: self.mend(item, title))
        return button

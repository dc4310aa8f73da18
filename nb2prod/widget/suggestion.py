"""Suggestion: stages that a notebook seems to have, written into its file one by one or all at once."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from nb2prod import api
from nb2prod.errors.base import Nb2ProdError
from nb2prod.schema import error as error_json
from nb2prod.text import verbs
from nb2prod.widget import drawing
from nb2prod.widget.findings import WRITTEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Suggestion(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Proposes stages for the notebook as it is saved; what is accepted becomes a `%%stage` line.

    Args:
        path: The notebook's file.
        tell: Called when the file has been written.
    """

    def __init__(self, path: Path, tell: Callable[[], None]) -> None:
        self.path, self._tell = path, tell
        self.found: dict[str, Any] = {"stages": []}
        self.list, self.news = ipywidgets.HTML(), ipywidgets.HTML()
        self.ask_button = ipywidgets.Button(description="Suggest", tooltip="Propose stages for the saved notebook")
        self.accept_button = ipywidgets.Button(description="Accept all", tooltip="Write a %%stage line for each")
        self.one = ipywidgets.Dropdown(description="Only", layout=ipywidgets.Layout(width="16em"))
        self.one_button = ipywidgets.Button(description="Accept", tooltip="Write the %%stage line of this one")
        self.ask_button.on_click(lambda _: self.ask())
        self.accept_button.on_click(lambda _: self.accept())
        self.one_button.on_click(lambda _: self.accept(self.one.value))
        self.choice = ipywidgets.HBox([self.accept_button, self.one, self.one_button])
        super().__init__([self.ask_button, self.list, self.choice, self.news])
        self._show()

    @property
    def text(self) -> str:
        """What is proposed, for front-ends without widgets."""
        return verbs.suggestion(self.found) if self.found["stages"] else ""

    def ask(self) -> None:
        """Propose stages for the notebook as it is saved now."""
        self.news.value = ""
        self._do(lambda: api.suggest(api.read(self.path), magic=True))

    def accept(self, only: str | None = None) -> None:
        """Write `%%stage` lines into the file: all, or only one."""
        if self._do(lambda: api.accept(self.path, magic=True, only=only)):
            self.ask()
            self.news.value = escape(WRITTEN.format(name=self.path.name))
            self._tell()

    def _do(self, work: Callable[[], dict[str, Any]]) -> bool:
        try:
            self.found = work()
        except Nb2ProdError as wrong:
            self.news.value = drawing.error(error_json(wrong))
            return False
        self._show()
        return True

    def _show(self) -> None:
        new = [item["name"] for item in self.found["stages"] if not item["given"] and item["role"] != "setup"]
        self.list.value = drawing.suggestion(self.found["stages"])
        self.one.options = new
        self.choice.layout.display = "" if new else "none"

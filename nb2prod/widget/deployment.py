"""Deployment: which release of a notebook answers at its address; one is promoted, tried beside it, or taken back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets

from nb2prod import api, jobs, journal, settings
from nb2prod.errors.base import Nb2ProdError
from nb2prod.schema import error as error_json
from nb2prod.text import deployment
from nb2prod.widget import drawing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ALL, _CANARY, _SHADOW = "all requests", "a share (canary)", "copies only (shadow)"


class Deployment(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Shows what answers for a notebook and how it fares, and changes that.

    Args:
        path: The notebook's file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.home = path, settings.home_of(path)
        self.place = journal.below(self.home, path)
        self.current: dict[str, Any] | None = None
        self._thread: threading.Thread | None = None
        self._busy = False
        self.table, self.news = ipywidgets.HTML(), ipywidgets.HTML()
        wide = ipywidgets.Layout(width="28em")
        self.release = ipywidgets.Dropdown(description="Release", layout=wide)
        self.gets = ipywidgets.Dropdown(description="Gets", options=(_ALL, _CANARY, _SHADOW), layout=wide)
        self.share = ipywidgets.BoundedIntText(10, min=1, max=99, description="Percent")
        self.note = ipywidgets.Text(description="Why", layout=wide)
        self.promote_button = ipywidgets.Button(description="Promote", tooltip="Let requests go to this release")
        self.rollback_button = ipywidgets.Button(description="Roll back", tooltip="Take the last step back")
        self.stop_button = ipywidgets.Button(description="Stop", tooltip="Let nothing answer any more")
        self.refresh_button = ipywidgets.Button(description="Refresh", tooltip="Look at how it fares now")
        self.gets.observe(lambda _: self._enable(), "value")
        self.promote_button.on_click(lambda _: self.promote())
        self.rollback_button.on_click(lambda _: self.rollback())
        self.stop_button.on_click(lambda _: self.stop())
        self.refresh_button.on_click(lambda _: self.refresh())
        choice = ipywidgets.HBox([self.gets, self.share])
        buttons = [self.promote_button, self.rollback_button, self.stop_button, self.refresh_button]
        super().__init__([self.table, self.release, choice, self.note, ipywidgets.HBox(buttons), self.news])
        self.refresh()

    @property
    def text(self) -> str:
        """What answers, for front-ends without widgets."""
        return deployment.deployment(self.current) if self.current else ""

    def refresh(self) -> None:
        """Look for releases, at what answers, and how it fares."""
        chosen = self.release.value
        made = [run["release"] for run in jobs.history(self.home, self.path) if run["release"]]
        self.release.options = made  # the newest first
        self.release.value = chosen if chosen in made else next(iter(made), None)
        try:
            found = api.deployments(self.home)
        except Nb2ProdError as wrong:
            self.news.value = drawing.error(error_json(wrong))
            return
        self.current = next((one for one in found if one["notebook"] == self.place), None)
        self.table.value = drawing.deployment(self.current)
        self._enable()

    def promote(self) -> None:
        """Let requests go to the release that is chosen: all, a share of them, or copies."""
        canary = self.share.value / 100 if self.gets.value == _CANARY else None
        name, shadow, note = self.release.value, self.gets.value == _SHADOW, self.note.value
        self._do("Promoting …", lambda: api.promote(self.home, name, canary=canary, shadow=shadow, note=note))

    def rollback(self) -> None:
        """Withdraw the canary or the shadow, or go back to what was live before."""
        note, found = self.note.value, self.current or {}
        shadow = not found.get("canary") and bool(found.get("shadow"))
        self._do("Rolling back …", lambda: api.rollback(self.home, self.place, note=note, shadow=shadow))

    def stop(self) -> None:
        """Let nothing answer any more."""
        note = self.note.value
        self._do("Stopping …", lambda: api.retire(self.home, self.place, note=note))

    def wait(self, seconds: float | None = None) -> None:
        """Wait until what was asked for is done."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _do(self, said: str, work: Callable[[], Any]) -> None:
        """Do what takes seconds beside the kernel's own work, so that cells can be run meanwhile."""
        if self._busy:
            return
        self._busy, self.news.value = True, f"<i>{said}</i>"
        self._thread = threading.Thread(target=self._done, args=(work,), name="nb2prod deployment", daemon=True)
        self._enable()
        self._thread.start()

    def _done(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except Nb2ProdError as wrong:
            self.news.value = drawing.error(error_json(wrong))
        else:
            self.news.value = self.note.value = ""
        self._busy = False
        self.refresh()

    def _enable(self) -> None:
        found = self.current or {}
        live, free = found.get("live"), not self._busy
        self.share.layout.display = "" if self.gets.value == _CANARY else "none"
        alone = self.gets.value != _ALL and live in {None, self.release.value}  # a canary of what, beside what?
        self.promote_button.disabled = not free or not self.release.value or alone
        steps = (found.get("canary"), found.get("shadow"), found.get("before"))
        self.rollback_button.disabled = not free or not any(steps)
        self.stop_button.disabled = not free or found.get("state", "stopped") == "stopped"

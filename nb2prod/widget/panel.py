"""Panel: a notebook's pipeline with its findings, parameters, live progress and buttons."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import ipywidgets

from nb2prod import api, jobs, parameters, settings
from nb2prod.errors.base import Nb2ProdError
from nb2prod.schema import error as error_json
from nb2prod.text import verbs
from nb2prod.widget import drawing
from nb2prod.widget.deployment import Deployment
from nb2prod.widget.findings import Findings
from nb2prod.widget.history import History
from nb2prod.widget.progress import Progress
from nb2prod.widget.suggestion import Suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BEAT = 0.2  # seconds between two looks at the journal


class Panel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Shows the notebook as it is saved; runs and ships that file in a process of its own.

    Args:
        path: The notebook's file.
        notes: Lines to show above the graph.
    """

    def __init__(self, path: Path, notes: tuple[str, ...] = ()) -> None:
        self.path, self.notes = path, notes
        self.home = settings.home_of(path)
        self.progress = Progress()
        self.run_id = ""
        self._thread: threading.Thread | None = None
        self.head, self.drawing, self.news = (ipywidgets.HTML() for _ in range(3))
        self.findings = Findings(path, self.refresh)
        self.run_button = ipywidgets.Button(description="Run", icon="play", tooltip="Run what has changed")
        self.ship_button = ipywidgets.Button(description="Ship", icon="rocket", button_style="primary")
        self.cancel_button = ipywidgets.Button(description="Cancel", icon="stop", disabled=True)
        self.ship_button.tooltip = "Run, package, rehearse and serve the model"
        self.run_button.on_click(lambda _: self.start("run"))
        self.ship_button.on_click(lambda _: self.start("ship"))
        self.cancel_button.on_click(lambda _: self.cancel())
        self.parameters: dict[str, ipywidgets.Text] = {}
        buttons = ipywidgets.HBox([self.run_button, self.ship_button, self.cancel_button])
        self.form = ipywidgets.HBox(layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.suggestion, self.history, self.deployment = Suggestion(path, self.refresh), History(path), Deployment(path)
        parts = [self.suggestion, self.history, self.deployment]
        more = ipywidgets.Accordion(parts, titles=("Suggest stages", "History", "Releases"))
        super().__init__([self.head, self.drawing, self.findings, self.form, buttons, self.news, more])
        self.graph: dict[str, Any] = {"stages": [], "edges": [], "parameters": [], "findings": []}
        self.refresh()

    def refresh(self) -> None:
        """Read the notebook's file again."""
        try:
            self.graph = api.graph(api.read(self.path))
        except Nb2ProdError as wrong:
            self.news.value = drawing.error(error_json(wrong))
        defaults = {item["name"]: item["value"] for item in self.graph["parameters"]}
        if set(defaults) != set(self.parameters):
            self.parameters = {
                name: ipywidgets.Text(description=name, value=value, continuous_update=False)
                for name, value in defaults.items()
            }
            self.form.children = tuple(self.parameters.values())
        self.defaults = defaults
        self._draw()

    def start(self, verb: Literal["run", "ship"]) -> None:
        """Start a run or a ship of the saved notebook, and follow it."""
        if self._thread is not None and self._thread.is_alive():
            return
        self.refresh()
        self.progress = Progress(verb=verb)
        try:
            self.run_id = jobs.start(self.path, verb, parameters=self.changed())
        except (Nb2ProdError, OSError) as wrong:
            self.news.value = drawing.error(_told(wrong))
            return
        self._busy(busy=True)
        self._draw()
        self._thread = threading.Thread(target=self._follow, name=f"nb2prod {self.run_id}", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask what is running to stop; stages that are done are kept."""
        if self.run_id:
            jobs.cancel(self.home, self.run_id)

    def wait(self, seconds: float | None = None) -> Mapping[str, Any] | None:
        """Wait until what was started has ended, and return its result."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self.progress.result

    def changed(self) -> dict[str, Any]:
        """Return the parameters whose values differ from the notebook's."""
        texts = {name: field.value.strip() for name, field in self.parameters.items()}
        return {
            name: parameters.literal(given)
            for name, given in texts.items()
            if given and given != self.defaults.get(name)
        }

    def _follow(self) -> None:
        seen = 0
        while True:
            state = jobs.state(self.home, self.run_id)  # first, so that no event of an ended run is missed
            found = jobs.events(self.home, self.run_id, seen)
            for event in found:
                seen = event["seq"]
                self.progress.take(event)
            if found:
                self._draw()
            if state != "running":
                break
            threading.Event().wait(BEAT)
        if self.progress.result is None:
            self.progress.error = _lost(self.run_id)
        self._busy(busy=False)
        self.history.refresh()
        self.deployment.refresh()
        self._draw()

    def _busy(self, *, busy: bool) -> None:
        self.run_button.disabled = self.ship_button.disabled = busy
        self.cancel_button.disabled = not busy

    def _draw(self) -> None:
        name, progress = escape(self.path.name), self.progress
        said = f" · {escape(progress.verb)}: {escape(progress.line)}" if progress.verb else ""
        notes = "".join(f"<div><i>{escape(note)}</i></div>" for note in self.notes)
        self.head.value = f"<b>{name}</b>{said}{notes}"
        self.drawing.value = drawing.graph(self.graph, progress.stages, progress.seconds)
        self.findings.show(self.graph["findings"])
        news = drawing.steps(progress.steps.values())
        news += drawing.error(progress.error) if progress.error else ""
        if progress.verb:
            self.news.value = news + drawing.card(progress.result or {})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add text and HTML for front-ends, pages and files without live widgets."""
        found = super()._repr_mimebundle_(**options)
        data = found[0] if isinstance(found, tuple) else found
        above, below = (self.head, self.drawing), (self.news, self.suggestion.list, self.history.table)
        deployed = self.deployment.table.value if self.deployment.current else ""
        told = (
            verbs.graph(self.graph) or self.path.name,
            self.suggestion.text,
            self.history.text,
            self.deployment.text,
        )
        data["text/plain"] = "\n\n".join(part for part in told if part)
        data["text/html"] = "".join(
            [*(part.value for part in above), self.findings.html, *(part.value for part in below), deployed]
        )
        return found


def _told(wrong: Exception) -> dict[str, Any]:
    if isinstance(wrong, Nb2ProdError):
        return error_json(wrong)
    return {"code": "NB208", "message": f"The run could not be started: {wrong}.", "cure": "Mend that and try again."}


def _lost(run: str) -> dict[str, Any]:
    cure = f"Its last words are in .nb2prod/runs/{run}/log.txt. Run again: stages that are done are reused."
    return {"code": "NB209", "message": "The run's process ended without a word.", "cure": cure}

"""Sweep: a notebook run with each combination of parameters, what they have in common once."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from nb2prod import document, grid, journal, notebook, pipeline, schema
from nb2prod import run as _run
from nb2prod.dataflow import effects
from nb2prod.errors.base import Place
from nb2prod.errors.runs import RunCancelled
from nb2prod.events import Event
from nb2prod.grid import Combination
from nb2prod.measuring import Ran
from nb2prod.shipping.steps import cancellable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nb2prod.events import Listener
    from nb2prod.execution.scheduler import Scheduler
    from nb2prod.pipeline import Pipeline
    from nb2prod.report import Report
    from nb2prod.run import Options
    from nb2prod.settings import Settings


@define(kw_only=True)
class Sweep:
    """A sweep in progress."""

    path: Path
    options: Options
    chosen: Settings
    listen: Listener
    combinations: Sequence[Mapping[str, Any]]
    reports: dict[int, Report] = field(factory=dict)
    seconds: dict[int, float] = field(factory=dict)

    def run(self) -> None:
        """Run all combinations: the first alone, since the others have stages in common with it."""
        raw = document.parametrised(document.read(self.path), self.path.name, self.combinations[0])
        line = _run.checked(raw, self.path.name)
        context = _run.prepared(line, self.path, self.options, self.chosen)
        with _run.scheduled(context, self.options, self.chosen) as scheduler:
            try:
                self._one(0, scheduler)
                if isinstance(self.reports[0].error, RunCancelled):
                    return
                width = 1 if self._writes(line) else scheduler.machine.jobs
                with ThreadPoolExecutor(width) as pool:
                    list(pool.map(lambda at: self._one(at, scheduler), range(1, len(self.combinations))))
            except KeyboardInterrupt:
                scheduler.stop()

    def _writes(self, line: Pipeline) -> bool:
        """Tell whether stages write files, which those of another combination would write over."""
        records = _run.last(self.chosen.home, self.path, _run.store_of(self.chosen)).values()
        seen = [effects.of(position, line.flows) for position in range(len(line.flows))]
        return any(record.files for record in records) or not all(item.none for item in seen)

    def _one(self, at: int, scheduler: Scheduler) -> None:
        given = self.combinations[at]
        name = Combination(parameters=given, run="").name
        options = evolve(self.options, parameters={**self.options.parameters, **given}, scheduler=scheduler)
        options = _run.named(evolve(options, run=""), "sweep")
        tell = _run.journaled(self.chosen.home, options.run, None)
        began = time.monotonic()
        self._say(name, "running")
        report = _run.of_file(self.path, options, self.chosen, tell)
        _run.finish(self.chosen.home, schema.report(report, verb="sweep"), tell)
        self.reports[at], self.seconds[at] = report, time.monotonic() - began
        ran = sum(outcome.action == "run" for outcome in report.outcomes)
        why = f"{ran} of {len(report.outcomes)} stages ran" if report.ok else str(report.error).splitlines()[0]
        self._say(name, "done" if report.ok else "failed", self.seconds[at], why)

    def _say(self, name: str, state: str, seconds: float | None = None, detail: str = "") -> None:
        took = None if seconds is None else round(seconds, 3)
        self.listen(Event(kind="step", data={"step": name, "state": state, "seconds": took, "detail": detail}))

    def result(self, by: str | None, names: frozenset[str]) -> dict[str, Any]:
        """Measure what ran, and return the sweep's JSON."""
        with cancellable():
            measures = self._measured(names)
        found = [self._combination(at, given, measures.get(at, {})) for at, given in enumerate(self.combinations)]
        kind = next((item["kind"] for item in measures.values() if item["kind"]), None)
        name, winner = grid.best(found, kind, by)
        if winner is not None:
            journal.remember(self.chosen.home, self.path, self.reports[winner].keys)
        error = next((item.error for item in found if item.error), None)
        return schema.sweep(self.path.name, found, by=name, winner=winner) | {"error": error}

    def _combination(self, at: int, given: Mapping[str, Any], measures: Mapping[str, Any]) -> Combination:
        report = self.reports.get(at)
        if report is None:
            return Combination(parameters=given, run="", error=schema.error(RunCancelled(Place())))
        return Combination(
            parameters=given,
            run=report.run,
            metrics=measures.get("metrics", {}),
            error=schema.error(report.error) if report.error else None,
            output=str(report.output) if report.output else None,
            ran=sum(outcome.action == "run" for outcome in report.outcomes),
            reused=sum(outcome.action == "reuse" for outcome in report.outcomes),
            seconds=self.seconds[at],
        )

    def _measured(self, names: frozenset[str]) -> dict[int, Any]:
        """Measure the runs that went well, all in one process."""
        places = [at for at, report in sorted(self.reports.items()) if report.ok]
        store = _run.store_of(self.chosen).url
        runs = []
        for at in places:
            report = self.reports[at]
            ran = notebook.parse(document.read(_executed(self.chosen.home, report)), self.path.name)
            runs.append(Ran(notebook=ran, store=store, values=dict(report.values), names=names))
        with tempfile.TemporaryDirectory(prefix="nb2prod-") as own:
            order, result = Path(own) / "order.pkl", Path(own) / "measured.json"
            order.write_bytes(pickle.dumps(runs))
            command = [sys.executable, "-m", "nb2prod.measuring", str(order), str(result)]
            folder = self.options.folder or self.path.resolve().parent
            # What the user's code says while its values are loaded is for nobody.
            subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else []
        return dict(zip(places, found, strict=False))


def _executed(home: Path, report: Report) -> Path:
    return journal.folder_of(home, report.run) / "executed.ipynb"


def sweep(  # noqa: PLR0913 - what a sweep is of
    path: Path, axes: Sequence[str], options: Options, chosen: Settings, listen: Listener, by: str | None = None
) -> dict[str, Any]:
    """Run a notebook with the product of `axes`, and tell which combination is best.

    Raises:
        NotebookError: The notebook cannot be read or has errors.
        SettingWrong: An axis means nothing.
        ParameterUnknown: The notebook has no parameter of that name.
    """
    found = grid.combinations(axes)
    names = grid.measures(pipeline.build(notebook.parse(document.read(path), path.name)), by)
    going = Sweep(
        path=path,
        options=evolve(options, wanted=options.wanted | names),
        chosen=chosen,
        listen=listen,
        combinations=found,
    )
    going.run()
    return going.result(by, names)

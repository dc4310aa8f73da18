"""Memo: what the next run of a notebook would depend on, and what it would say, if nothing changed until then.

It is written after a run, from a plan made just then, for `nb2prod.startup.unchanged`, which holds it against
what is there.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from nb2prod import environment, events, journal, schema, settings
from nb2prod.events import Event
from nb2prod.execution import decision
from nb2prod.report import Outcome
from nb2prod.startup import codec, unchanged
from nb2prod.stores.local import LocalStore
from nb2prod.text import verbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nb2prod.execution.decision import Context
    from nb2prod.plan import Record, Step
    from nb2prod.report import Report
    from nb2prod.settings import Settings


@frozen(kw_only=True)
class Look:
    """What a notebook's file was like before it was read for a run."""

    notebook: Path
    seen: str


def look(notebook: Path) -> Look:
    """Look at a file that is about to be read."""
    whole = notebook.resolve()
    return Look(notebook=whole, seen=unchanged.signature(str(whole), time.time_ns(), hashed=True))


def write(before: Look, context: Context, report: Report, chosen: Settings) -> None:
    """Leave the memo of a run that went well, or none when the next run might do something else.

    Args:
        before: What the notebook was like.
        context: What the next plan is made with: that of the run, with the records it left.
        report: What the run did.
        chosen: The settings of the run.
    """
    place = Path(unchanged.beside(str(journal.memory(chosen.home, before.notebook))))
    memo = _memo(before, context, report, chosen) if _is_plain(context, report, chosen) else None
    if memo is None or any("\0" in value for values in memo.values() for value in values):
        place.unlink(missing_ok=True)
    else:
        journal.write_whole(place, codec.pack(memo))


def _is_plain(context: Context, report: Report, chosen: Settings) -> bool:
    whole = not (context.force or context.until or context.elsewhere)
    local = isinstance(context.store, LocalStore) and (chosen.store == "local" or Path(chosen.store).is_absolute())
    return report.ok and report.output is not None and whole and local


def _memo(before: Look, context: Context, report: Report, chosen: Settings) -> dict[str, list[str]] | None:
    now = time.time_ns()
    # All is looked at before the plan reads it: what changes in between is then seen to have changed.
    kept = [context.last[flow.stage.name] for flow in context.pipeline.flows if flow.stage.name in context.last]
    files = {path: unchanged.signature(path, now) for path in _files(kept, context.folder, before.notebook, chosen)}
    steps = decision.steps(context)
    if any(step.action != "reuse" or step.record is None for step in steps):
        return None
    executed = journal.folder_of(chosen.home, report.run) / "executed.ipynb"
    places = [journal.memory(chosen.home, before.notebook), executed, *_blobs(context.store, report.keys, kept)]
    usual = settings.read(before.notebook)
    of = (before.notebook, chosen.store, usual.store, chosen.kernel or "", usual.kernel or "")
    return {
        "interpreter": unchanged.interpreter(),
        "installed": unchanged.installed(),
        "files": [part for pair in (files | {str(before.notebook): _since(before, now)}).items() for part in pair],
        "places": [part for path in places for part in (str(path), unchanged.place(str(path)))],
        "variables": [part for pair in decision.variables(context.pipeline.flows).items() for part in pair],
        "of": [*map(str, of), repr(dict(report.parameters))],
        **_said(steps, report, chosen.home, executed),
    }


def _since(before: Look, now: int) -> str:
    """Return the signature of the notebook that ran; one that was saved just before is known to be the same by now."""
    fresh = unchanged.signature(str(before.notebook), time.time_ns(), hashed=True)
    return unchanged.signature(str(before.notebook), now) if fresh == before.seen else before.seen


def _files(kept: Iterable[Record], folder: Path, notebook: Path, chosen: Settings) -> Iterable[str]:
    """Return what a plan reads: settings, data, modules, and who is installed in which version."""
    for above in notebook.parents:
        yield str(above / "pyproject.toml")
        if above == chosen.home.parent and above != notebook.parent:
            break
    for record in kept:
        yield from (str(folder / name) for name in (*record.files, *record.read))
        yield from record.modules
        yield from environment.metadata(record.packages)


def _blobs(store: Any, keys: Mapping[str, str], kept: Iterable[Record]) -> list[Path]:
    return [store.path(key) for key in (*keys.values(), *(digest for record in kept for digest in record.digests))]


def _said(steps: Sequence[Step], report: Report, home: Path, executed: Path) -> dict[str, list[str]]:
    """Return what a run that reuses everything writes and prints, with marks where each run has its own."""
    mark = f"@{os.urandom(8).hex()}"
    outcomes = tuple(_reused(step) for step in steps)
    again = evolve(report, run=f"{mark}run", outcomes=outcomes, output=Path(f"{mark}out"))
    result = schema.report(again)
    told = [event for event in journal.read(home, report.run) if event["event"] in {"start", "finding"}]
    happened = [_event(event) for event in told] + [_outcome(outcome) for outcome in outcomes]
    happened.append(Event(kind="end", data={"ok": True, "result": result}))
    narrated = [line for event in happened if (line := verbs.narration(event))]
    plain = verbs.report({**result, "output": f"{mark}plain"})
    plan = schema.plan(report.notebook, steps)
    quoted = json.dumps(str(home))[1:-1]
    return {
        "run": [str(home), quoted, str(executed), mark],
        "result": [json.dumps(result, indent=1)],
        "events": [_line(event, number, mark) for number, event in enumerate(happened, start=1)],
        "said": ["".join(f"{line}\n" for line in narrated), f"{plain}\n", json.dumps(result, indent=1) + "\n"],
        "plan": [f"{verbs.plan(plan)}\n", json.dumps(plan, indent=1) + "\n"],
    }


def _reused(step: Step) -> Outcome:
    size = step.record.bytes if step.record else 0
    return Outcome(stage=step.stage, action="reuse", state="reused", why=step.why, bytes=size)


def _outcome(outcome: Outcome) -> Event:
    names = ("stage", "state", "why", "seconds", "bytes")
    return Event(kind="stage", data={name: getattr(outcome, name) for name in names})


def _event(written: Mapping[str, Any]) -> Event:
    data = {name: value for name, value in written.items() if name not in {"v", "seq", "at", "event"}}
    return Event(kind=written["event"], data=data)


def _line(event: Event, number: int, mark: str) -> str:
    if event.kind == "start":
        event = evolve(event, data={**event.data, "run": f"{mark}run", "pid": 0, "began": 0})
    line = events.line(event, seq=number, at=0.0).replace('"at": 0.0', f'"at": {mark}at', 1)
    return line.replace('"pid": 0, "began": 0', f'"{mark}process": 0', 1) if event.kind == "start" else line

"""Schema: the JSON of every value that leaves the process. Fields may be added; none changes its meaning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import asdict

from nb2prod.artifact import Artifact, Recipe
from nb2prod.pipeline import DECLARED
from nb2prod.plan import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nb2prod.checks import Finding
    from nb2prod.compare.runs import Difference, Verdict
    from nb2prod.dataflow.stage_flow import Use
    from nb2prod.edits import Edit
    from nb2prod.errors.base import Nb2ProdError
    from nb2prod.evidence import Evidence, Seen
    from nb2prod.grid import Combination
    from nb2prod.notebook import Cell
    from nb2prod.pipeline import Edge, Pipeline, Reason
    from nb2prod.plan import Step
    from nb2prod.policy import Gate
    from nb2prod.report import Report
    from nb2prod.suggest import Proposal

Json = dict[str, Any]


def finding(value: Finding) -> Json:
    """One finding, with its place flat; each of `fixes` does as the cure says, `fix` is the first or null."""
    head = {"code": value.code, "severity": value.severity, "message": value.message, "cure": value.cure}
    fixes = [asdict(fix) for fix in value.fixes]
    return {**head, **asdict(value.place), "fix": next(iter(fixes), None), "fixes": fixes}


def gate(value: Gate) -> Json:
    """What a policy says of a run, rule by rule."""
    return {"ok": value.ok, **asdict(value)}


def error(value: Nb2ProdError) -> Json:
    """One error, with its place flat; `detail` is a traceback or null."""
    head = {"code": value.code, "message": value.message, "cure": value.cure, "detail": value.detail}
    return {**head, **asdict(value.place)}


def graph(pipeline: Pipeline, findings: Iterable[Finding], seen: Seen | None = None) -> Json:
    """The pipeline as `nb2prod graph` gives it, with what the last run saw of its edges."""
    after: dict[str, list[str]] = {stage.name: list(stage.after) for stage in pipeline.stages}
    for edge in pipeline.edges:
        if edge.source not in after[edge.target]:
            after[edge.target].append(edge.source)
    return {
        "notebook": pipeline.notebook.name,
        "kernel": pipeline.notebook.kernel,
        "stages": [
            {
                "name": stage.name,
                "role": stage.role,
                "cells": [cell.index for cell in stage.code_cells],
                "cell_ids": [cell.id for cell in stage.code_cells],
                "reads": sorted(stage.reads),
                "writes": sorted(stage.writes),
                "after": after[stage.name],
                "options": dict(stage.options),
            }
            for stage in pipeline.stages
        ],
        "edges": [_edge(edge, seen or {}) for edge in pipeline.edges],
        "uses": [_use(*found) for found in pipeline.uses()],
        "parameters": [{"name": item.name, "value": item.value} for item in pipeline.parameters],
        "findings": [finding(item) for item in findings],
    }


def _edge(edge: Edge, seen: Seen) -> Json:
    reasons = [_reason(reason, seen.get((edge.source, reason.name))) for reason in edge.reasons]
    return {
        "from": edge.source,
        "to": edge.target,
        "names": list(edge.names),
        "why": "\n".join([*(reason["why"] for reason in reasons), *([DECLARED] if edge.declared else [])]),
        "declared": edge.declared,
        "reasons": reasons,
    }


def _reason(value: Reason, evidence: Evidence | None) -> Json:
    """Why one name crosses: `left` and `read` say how and where, `seen` what the last run says of it, or null."""
    why = f"{value}; {evidence}" if evidence else str(value)
    left, read = _in_stage(value.left), value.read and _in_stage(value.read)
    return {"name": value.name, "why": why, "left": left, "read": read, "seen": evidence and asdict(evidence)}


def _in_stage(use: Use) -> Json:
    at = use.place  # written out, since a notebook has thousands of them and `asdict` is slow
    where = {"cell": at.cell, "cell_id": at.cell_id, "line": at.line, "stage": at.stage}
    return {"how": use.how, "by": use.by, **where}


def _use(cell: Cell, edge: Edge, names: Iterable[str]) -> Json:
    return {"cell": cell.index, "cell_id": cell.id, "from": edge.source, "names": list(names)}


def suggestion(notebook: str, proposals: Iterable[Proposal], edits: Iterable[Edit]) -> Json:
    """The stages that `nb2prod suggest` proposes, and the edits that accept them."""
    return {
        "notebook": notebook,
        "stages": [
            {
                "name": item.name,
                "role": item.role,
                "cells": [cell.index for cell in item.cells],
                "cell_ids": [cell.id for cell in item.cells],
                "why": item.why,
                "confidence": item.confidence,
                "given": item.given,
            }
            for item in proposals
        ],
        "edits": [asdict(item) for item in edits],
    }


def plan(notebook: str, steps: Iterable[Step]) -> Json:
    """The plan as `nb2prod plan` gives it."""
    return {"notebook": notebook, "steps": [_step(step) for step in steps]}


def _step(value: Step) -> Json:
    """One step; `seconds`, `bytes` and `artifacts` are of the run that is reused, else of the last one."""
    head = {"stage": value.stage, "action": value.action, "why": value.why}
    if value.record is None:
        return {**head, "seconds": None, "bytes": None, "artifacts": []}
    left = [{"names": list(a.names), "kinds": list(a.kinds), "bytes": a.bytes} for a in value.record.artifacts]
    return {**head, "seconds": round(value.record.seconds, 3), "bytes": value.record.bytes, "artifacts": left}


def report(value: Report, *, verb: str = "run") -> Json:
    """The result of a run."""
    return {
        "run": value.run,
        "verb": verb,
        "notebook": value.notebook,
        "ok": value.ok,
        "stages": [
            {
                "name": item.stage,
                "action": item.action,
                "state": item.state,
                "seconds": round(item.seconds, 3),
                "bytes": item.bytes,
                "why": item.why,
            }
            for item in value.outcomes
        ],
        "parameters": dict(value.parameters),
        "metrics": dict(value.metrics),
        "output": value.output and str(value.output),
        "report": None,  # the page in HTML, where somebody asked for it
        "error": value.error and error(value.error),
    }


def sweep(notebook: str, found: Sequence[Combination], *, by: str | None, winner: int | None) -> Json:
    """The result of a sweep; `winner` is the place of the best combination."""
    return {
        "verb": "sweep",
        "notebook": notebook,
        "ok": all(item.error is None for item in found),
        "by": by,
        "winner": winner,
        "combinations": [{**asdict(item), "ok": item.error is None} for item in found],
    }


def verdict(value: Verdict) -> Json:
    """What `nb2prod verify` found."""
    from nb2prod.compare.texts import ABSOLUTE, RELATIVE

    lists = {name: [difference(d) for d in getattr(value, name)] for name in ("differences", "unstable", "notes")}
    tolerance = {"relative": RELATIVE, "absolute": ABSOLUTE}
    seconds = round(value.seconds, 3)
    return {"equal": value.equal, **asdict(value), "seconds": seconds, "tolerance": tolerance, **lists}


def difference(value: Difference) -> Json:
    """One difference between a straight run and a staged one."""
    return {"code": value.code, **asdict(value)}


def write_verdict(value: Verdict) -> bytes:
    """A verdict, as the store keeps it."""
    return json.dumps(asdict(value), sort_keys=True).encode()


def read_verdict(data: bytes) -> Verdict:
    """The verdict that `write_verdict` wrote."""
    raw = json.loads(data)
    from nb2prod.compare.runs import Difference, Verdict  # on use: a run is held against nothing

    lists = {name: tuple(Difference(**d) for d in raw[name]) for name in ("differences", "unstable", "notes")}
    return Verdict(**{**raw, **lists})


def write_record(record: Record) -> bytes:
    """A stage record, as the store keeps it."""
    return json.dumps(asdict(record), sort_keys=True).encode()


def read_record(data: bytes) -> Record:
    """The stage record that `write_record` wrote."""
    raw = json.loads(data)
    raw["artifacts"] = tuple(_artifact(item) for item in raw["artifacts"])
    raw["recipes"] = tuple(_recipe(item) for item in raw["recipes"])
    raw["gone"], raw["asked"] = tuple(raw["gone"]), tuple(raw["asked"])
    return Record(**raw)


def left(raw: Json) -> tuple[tuple[Artifact, ...], tuple[Recipe, ...]]:
    """The artifacts and recipes in what `nb2prod.worker.kernel.leave` wrote."""
    return tuple(map(_artifact, raw["artifacts"])), tuple(map(_recipe, raw["recipes"]))


def _artifact(raw: Json) -> Artifact:
    lists = {name: tuple(raw[name]) for name in ("names", "buffers", "kinds", "needs")}
    return Artifact(digest=raw["digest"], bytes=raw["bytes"], **lists)


def _recipe(raw: Json) -> Recipe:
    return Recipe(**{**raw, "needs": tuple(raw["needs"])})

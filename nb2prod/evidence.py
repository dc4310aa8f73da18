"""Evidence: what the last run saw of the names that cross from a stage to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from nb2prod import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nb2prod.pipeline import Pipeline, Reason
    from nb2prod.plan import Record

Seen = dict[tuple[str, str], "Evidence"]  # the stage that leaves a name, and the name


@frozen(kw_only=True)
class Evidence:
    """What became of one name in a stage when it ran with the code that it has now."""

    run: str  # the run that did it, if it is known
    changed: bool  # False: the stage left it as it had come
    kind: str = ""  # type of the value
    bytes: int = 0  # with what shares objects with it
    shares: tuple[str, ...] = ()  # names whose values hold the same objects, and so travel with it
    remade: bool = False  # it is no stored value: its statement runs again where it is read

    def __str__(self) -> str:
        when = f"seen in run {self.run}" if self.run else "seen when it last ran"
        if self.remade:
            return f"made again from its source, {when}"
        if not self.changed:
            return f"left unchanged, {when}"
        together = f", shared with {', '.join(f'`{name}`' for name in self.shares)}" if self.shares else ""
        return f"{self.kind or 'a value'} of {self.bytes:,} bytes{together}, {when}"


def seen(pipeline: Pipeline, last: Mapping[str, Record], runs: Mapping[str, str]) -> Seen:
    """Gather the evidence for a pipeline's edges from the records of its stages.

    Args:
        pipeline: As the notebook is now.
        last: What each stage left when it last ran; that of other code than it has now is no evidence.
        runs: The run that each record is of.
    """
    found: Seen = {}
    stages = {stage.name: stage for stage in pipeline.stages}
    for edge in pipeline.edges:
        record = last.get(edge.source)
        if record and record.parts.get("its code") == fingerprint.of_code(stages[edge.source].code_cells):
            for reason in edge.reasons:
                evidence = _of(reason, record, runs.get(edge.source, ""))
                if evidence is not None:
                    found[edge.source, reason.name] = evidence
    return found


def _of(reason: Reason, record: Record, run: str) -> Evidence | None:
    name = reason.name
    for artifact in record.artifacts:
        if name in artifact.names:
            kinds = dict(zip(artifact.names, artifact.kinds, strict=False))
            others = tuple(other for other in artifact.names if other != name)
            size = artifact.bytes
            return Evidence(run=run, changed=True, kind=kinds.get(name, ""), bytes=size, shares=others)
    if any(recipe.name == name for recipe in record.recipes):
        return Evidence(run=run, changed=True, remade=True)
    kept = name in record.asked and name not in record.gone
    return Evidence(run=run, changed=False) if kept and reason.left.how == "changed in place" else None

"""Judgement: how good a candidate is on its held-out rows, and whether it is better than its rivals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from nb2prod.candidates.candidate import Candidate
from nb2prod.candidates.product import Figure
from nb2prod.candidates.rows import Rows
from nb2prod.evaluate import Comparison, Learnt, Rival, Said, Truth, compare, guesses, measure

# Steps of a season, by how often a series is measured.
SEASONS = {"h": 24, "D": 7, "B": 5, "W": 52, "M": 12, "ME": 12, "MS": 12, "Q": 4, "QE": 4, "QS": 4}


@frozen(kw_only=True)
class Judgement:
    """What is known of a model's quality."""

    metrics: Mapping[str, float]
    baseline: Rival  # what it must beat
    compared: Comparison  # with that
    rivals: tuple[Rival, ...] = ()  # others it was measured beside
    plots: tuple[Figure, ...] = ()  # that the notebook draws of it


def judge(found: Candidate, others: Iterable[tuple[Rival, Said | None]] = ()) -> Judgement:
    """Measure a candidate beside the simplest models, and others that the team has.

    Args:
        found: The model.
        others: Rivals with what they say of the same held-out rows; a stage's own goes before what is automatic, and
            of one that says nothing only the name is kept.
    """
    truth, mine = truth_of(found), said_of(found)
    simple = [(Rival(name=name), said) for name, said in guesses(found.kind, _learnt(found), truth, found.held.x)]
    beside = [*others, *simple]
    asked = [(rival, said) for rival, said in beside if said is not None]
    every = sorted(asked, key=lambda pair: pair[0].origin != "stage")
    first = next((n for n, (rival, _) in enumerate(every) if rival.origin != "release"), 0)
    compared = [compare(found.kind, truth, mine, said) for _, said in every]
    rivals = [
        evolve(rival, metrics=measure(found.kind, truth, said), better_by=seen.better_by)
        for (rival, said), seen in zip(every, compared, strict=True)
    ]
    return Judgement(
        metrics=measure(found.kind, truth, mine),
        baseline=rivals[first],
        compared=compared[first],
        rivals=(*rivals[:first], *rivals[first + 1 :], *(rival for rival, said in beside if said is None)),
    )


def measured(found: Candidate) -> dict[str, float]:
    """Measure a candidate alone."""
    return measure(found.kind, truth_of(found), said_of(found))


def truth_of(found: Candidate) -> Truth:
    """Return what is right of the held-out rows."""
    if found.kind == "forecast":
        return Truth(labels=found.held.y, past=found.train.y, season=season(found))
    ordered = _follow(found.held, found.train)
    return Truth(labels=found.held.y, groups=found.held.groups, ordered=ordered, positive=found.positive)


def _follow(held: Rows, train: Rows) -> bool:
    """Say whether rows come one after the other, and after those that a model learnt from: a series was cut."""
    mine, theirs = (next((i for v in (r.x, r.y) if (i := _index(v)) is not None), None) for r in (held, train))
    if mine is None or theirs is None or not len(mine) or not len(theirs):
        return False
    try:
        return bool(mine.is_monotonic_increasing and mine[0] > theirs.max())
    except TypeError:  # of texts and numbers, or of several levels
        return False


def _index(values: Any) -> Any:
    index = getattr(values, "index", None)
    return None if callable(index) else index  # a list's is a method


def said_of(found: Candidate) -> Said:
    """Ask a candidate about its held-out rows."""
    if found.kind == "forecast":
        from nb2prod.serving.models.ahead import ahead

        return Said(predicted=ahead(found.model, len(found.held.y), found.held.x).values)
    x = found.held.x
    return Said(predicted=found.predict(x), probabilities=found.probabilities(x), classes=found.classes)


def season(found: Candidate) -> int:
    """Return the steps until a series is alike: as the model has it, or as is usual for how often it is measured."""
    for own in (getattr(found.model.model, "seasonal_periods", None), getattr(found.model.model, "k_seasons", None)):
        if isinstance(own, int) and own > 1:
            return own
    known = getattr(getattr(found.train.y, "index", None), "freqstr", None) or ""
    return SEASONS.get(known.partition("-")[0], 1)


def _learnt(found: Candidate) -> Any:
    if found.kind != "ranking":
        return found.train.y
    return Learnt(rows=found.train.x, truth=Truth(labels=found.train.y, groups=found.train.groups))

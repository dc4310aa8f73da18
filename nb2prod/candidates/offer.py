"""Offer: what a notebook's code may have to ship, and the names a run must keep to its end for it."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from nb2prod.candidates import candidate, clues, functions, hints, product
from nb2prod.pipeline import Pipeline


@frozen(kw_only=True)
class Offer:
    """What a service of a notebook would give: a model's answers, a function's, or tables and figures."""

    kind: Literal["model", "function", "tables"]
    names: tuple[str, ...]  # that the code binds to it, the likeliest first
    sure: bool = True  # False: only the values tell whether they are tables


def of(line: Pipeline) -> Offer:
    """Tell by a notebook's code what it would ship, in the order in which a ship looks for it."""
    if place := functions.place_of(line):
        return Offer(kind="function", names=(place.name,))
    if publishes(line):
        named = product.named(line)
        return Offer(kind="tables", names=named.tables, sure=named.asked)
    return Offer(kind="model", names=tuple(clue.model for clue in reversed(clues.of(line))))


def wanted(line: Pipeline) -> frozenset[str]:
    """Return the names that a model, a function or a product needs when the notebook has ended."""
    others = _function(line) | _tables(line) | hints.of(line).names
    return candidate.wanted(line) | frozenset(_left(line) & others)


def publishes(line: Pipeline) -> bool:
    """Say whether a notebook's tables and figures are what it ships: the user says so, or there is no model."""
    return product.named(line).asked or not clues.of(line)


def _left(line: Pipeline) -> set[str]:
    return {name for flow in line.flows for name in flow.leaves}


def _function(line: Pipeline) -> frozenset[str]:
    place = functions.place_of(line)
    return place.names if place else frozenset()


def _tables(line: Pipeline) -> frozenset[str]:
    named = product.named(line)
    return frozenset(named.tables + named.read) if publishes(line) and not functions.place_of(line) else frozenset()

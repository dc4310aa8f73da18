"""Offer: what a notebook's code may have to ship, and the names a run must keep to its end for it."""

from __future__ import annotations

from nb2prod import candidate, clues, functions, product
from nb2prod.pipeline import Pipeline


def wanted(line: Pipeline) -> frozenset[str]:
    """Return the names that a model, a function or a product needs when the notebook has ended."""
    return candidate.wanted(line) | frozenset(_left(line) & (_function(line) | _tables(line)))


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

"""Own: what a notebook measures and draws of its model itself: numbers by their names, and the plots of its stages."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nb2prod.candidates import product
from nb2prod.candidates.product import Figure
from nb2prod.evaluate import printed
from nb2prod.packers.order import Order
from nb2prod.pipeline import Pipeline
from nb2prod.policy import Rules

FOLDER = "plots"  # of a service
TYPES = ("png", "svg")  # that a page can show; one of each plot is enough


def named(rules: Rules) -> frozenset[str]:
    """Return the names that a policy bounds."""
    return frozenset((*rules.at_least, *rules.at_most))


def metrics(order: Order, lines: Pipeline, space: Mapping[str, Any]) -> dict[str, float]:
    """Read the numbers that evaluating stages print or gather under a name, and those whose name the policy bounds."""
    bound = {name: space.get(name) for name in sorted(named(order.rules) | printed.names(lines.stages))}
    inner = {key: value for one in bound.values() if isinstance(one, dict) for key, value in one.items()}
    found = {str(name): number(value) for name, value in {**inner, **bound}.items()}
    return printed.metrics(lines.stages, _document(order)) | {
        n: value for n, value in found.items() if value is not None
    }


def number(value: Any) -> float | None:
    """Return a plain or numpy number as such, None for all else."""
    if isinstance(value, bool | complex) or not hasattr(value, "__float__") or getattr(value, "shape", ()) != ():
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def plots(order: Order, lines: Pipeline) -> tuple[Figure, ...]:
    """Return the figures of evaluating stages, named by their stage."""
    stages = [stage for stage in lines.stages if stage.role == "evaluate"]
    cells = {cell.index for stage in stages for cell in stage.code_cells}
    found = product.figures(_document(order), lines, [stage.name for stage in stages])
    return tuple(one for one in found if one.cell in cells and set(TYPES) & one.forms.keys())


def files(drawn: tuple[Figure, ...]) -> dict[str, bytes]:
    """Return the files of plots: path in the service → bytes."""
    return {_path(one): one.forms[_form(one)] for one in drawn}


def listed(drawn: tuple[Figure, ...]) -> list[dict[str, str]]:
    """Describe plots for people."""
    return [{"name": one.name, "title": one.title, "path": _path(one)} for one in drawn]


def _path(one: Figure) -> str:
    return f"{FOLDER}/{one.name}.{_form(one)}"


def _form(one: Figure) -> str:
    return next(form for form in TYPES if form in one.forms)


def _document(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = {"cells": []}
    return json.loads(Path(order.executed).read_text(encoding="utf-8")) if order.executed else found

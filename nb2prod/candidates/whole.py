"""Whole: the one model of those that a notebook leaves that is no part, copy or rival of another."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve

from nb2prod.candidates.clue import Clue
from nb2prod.candidates.confirmed import fits, value_of
from nb2prod.candidates.libraries import compiled, library_of
from nb2prod.errors.models import ModelMissing, ModelsInside, ModelsSeveral

CODE = (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def whole(found: tuple[Clue, ...], namespace: Mapping[str, Any], named: str | None, last: int | None) -> Clue:
    """Choose the one clue whose value is a whole, fitted model."""
    if named:
        known = [c for c in found if c.model == named] or [Clue(model=named, cell=0)]
        if library_of(namespace.get(named)) is None:
            raise ModelMissing(named, last)
        return known[-1]
    alive = {
        id(namespace[c.model]): c
        for c in found
        if library_of(namespace.get(c.model)) is not None and not (c.rival or _simple(namespace[c.model]))
    }
    if any(compiled(namespace[c.model]) for c in alive.values()):  # what a graph was made from is in it
        alive = {key: c for key, c in alive.items() if not c.exported}
    alive = _once(alive, namespace)
    values = {key: namespace[clue.model] for key, clue in alive.items()}
    for key, value in values.items():
        best = getattr(value, "best_estimator_", None)
        inside = {id(part) for part in parts(value)} - {key}
        # A search answers with the best model it found, which is all that a service needs.
        for gone in [key] if id(best) in alive else inside:
            alive.pop(gone, None)
    left = tuple(alive.values())
    if not left:
        for clue in found:
            if clue.several and (places := tuple(_inside(clue.model, namespace.get(clue.model)))):
                raise ModelsInside(clue.model, places, clue.cell)
        raise ModelMissing(None, last)
    if len(left) > 1:
        raise ModelsSeveral(tuple(c.model for c in left), tuple(c.cell for c in left))
    return left[0]


def _inside(name: str, value: Any) -> Iterator[str]:
    """Yield the places of models in a dictionary or a list, as expressions."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, one in items:
        whole = one[-1] if isinstance(one, tuple) and one else one  # [("forest", model), …]
        if library_of(whole) is not None:
            yield f"{name}[{key!r}]" + ("[-1]" if whole is not one else "")


def _once(alive: Mapping[int, Clue], namespace: Mapping[str, Any]) -> dict[int, Clue]:
    """Leave out what was read from a file that another model of the notebook was written to."""
    kept = {key: clue for key, clue in alive.items() if not clue.loaded}
    for key, clue in alive.items():
        same = (k for k, c in kept.items() if clue.loaded and _alike(c, clue, namespace))
        if (twin := next(same, None)) is not None:
            kept[twin] = evolve(kept[twin], held=(*clue.held, *kept[twin].held))
        elif clue.loaded:
            kept[key] = clue
    return kept


def _alike(one: Clue, other: Clue, namespace: Mapping[str, Any]) -> bool:
    """Say whether two models are of one type and answer the same; equal trees may differ in bytes that mean nothing."""
    import numpy as np

    first, second = namespace[one.model], namespace[other.model]
    rows = [x for pair in (*one.train, *one.held) if fits(first, x := value_of(pair.rows, namespace))]
    if type(first) is not type(second) or not rows:
        return False
    asked = ("predict_proba",) if hasattr(first, "predict_proba") else ("predict",)
    try:
        return all(np.array_equal(getattr(first, ask)(x), getattr(second, ask)(x)) for x in rows[:2] for ask in asked)
    except Exception:  # noqa: BLE001  a model may raise anything
        return False


def _simple(value: Any) -> bool:
    """Recognise the rival that a notebook makes itself."""
    return type(value).__module__ == "sklearn.dummy"


def parts(value: Any, depth: int = 4) -> Iterator[Any]:
    """Yield the objects a model is put together from: steps of a pipeline, voters, the estimator of a search."""
    if depth == 0:
        return
    yield value
    if isinstance(value, list | tuple):
        inner: Iterable[Any] = value[:100]
    elif isinstance(value, dict):
        inner = value.values()
    else:
        inner = vars(value).values() if hasattr(value, "__dict__") and not isinstance(value, CODE) else ()
    for part in inner:
        yield from parts(part, depth - 1)

"""Origin: which fields of a request each column of a model's matrix is made from."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

Origin = tuple[str, ...]  # names of fields, in their order


def origins(part: Any, given: Sequence[Origin], width: int) -> list[Origin]:
    """Return the origin of each column that a fitted transformer makes of columns with known origins.

    Args:
        part: The transformer.
        given: The origins of the columns it is given.
        width: How many columns it makes.
    """
    if part in ("passthrough", None):
        return list(given)
    if hasattr(part, "steps"):
        return _piped(part, given, width)
    if hasattr(part, "transformers_"):
        return _columns(part, given)
    if hasattr(part, "transformer_list"):
        made = [one for _, inner in part.transformer_list for one in origins(inner, given, _width(inner, len(given)))]
        return made if len(made) == width else _mixed(given, width)
    return _named(part, given, width)


def _piped(part: Any, given: Sequence[Origin], width: int) -> list[Origin]:
    steps = [inner for _, inner in part.steps if inner not in ("passthrough", None)]
    for number, inner in enumerate(steps):
        last = number == len(steps) - 1
        given = origins(inner, given, width if last else _width(inner, len(given)))
    return list(given)


def _columns(part: Any, given: Sequence[Origin]) -> list[Origin]:
    """Join what the parts of a ColumnTransformer make, in the order in which it puts them."""
    places = part.output_indices_
    made: dict[int, Origin] = {}
    for name, inner, chosen in part.transformers_:
        where = places.get(name, slice(0, 0))
        width = where.stop - where.start
        if isinstance(inner, str) and inner == "drop":
            continue
        own = [given[n] for n in _places(part, chosen)]
        made |= dict(zip(range(where.start, where.stop), origins(inner, own, width), strict=True))
    return [made[n] for n in sorted(made)]


def _places(part: Any, chosen: Any) -> Iterable[int]:
    """Resolve a choice of columns to their places: names, numbers, one of either, or a mask."""
    names = list(getattr(part, "feature_names_in_", ()))
    every = range(part.n_features_in_)
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            start = names.index(chosen.start) if chosen.start is not None else 0
            return every[start : names.index(chosen.stop) + 1 if chosen.stop is not None else None]
        return every[chosen]
    if callable(chosen):
        raise TypeError("a choice of columns that was not settled")
    many = chosen.tolist() if hasattr(chosen, "tolist") else chosen
    many = many if isinstance(many, list | tuple) else [many]
    if many and all(isinstance(one, bool) for one in many):
        return [n for n, one in enumerate(many) if one]
    return [names.index(one) if isinstance(one, str) else every[one] for one in many]


def _named(part: Any, given: Sequence[Origin], width: int) -> list[Origin]:
    """Tell by the names that a transformer gives its columns: ours are marks that no name has."""
    marks = [f"\x02{n}\x03" for n in range(len(given))]
    try:
        bare = copy.copy(part)
        if hasattr(bare, "feature_names_in_"):
            del bare.feature_names_in_
        names = [str(name) for name in bare.get_feature_names_out(marks)]
    except Exception:  # noqa: BLE001  the notebook's own transformers may do anything, or have no such method
        names = []
    if len(names) != width:
        return _mixed(given, width)
    found = [[n for n, mark in enumerate(marks) if mark in name] for name in names]
    # A name without a mark says nothing: a component of all of them, or a word of the only text.
    return [_joined([given[n] for n in places] or given) for places in found]


def _mixed(given: Sequence[Origin], width: int) -> list[Origin]:
    return [_joined(given)] * width


def _joined(several: Iterable[Origin]) -> Origin:
    return tuple(dict.fromkeys(name for origin in several for name in origin))


def _width(part: Any, given: int) -> int:
    """Return how many columns a transformer makes, by the names it gives them."""
    try:
        bare = copy.copy(part)
        if hasattr(bare, "feature_names_in_") and not hasattr(bare, "transformers_"):
            del bare.feature_names_in_
        return len(bare.get_feature_names_out())
    except Exception:  # noqa: BLE001  likewise
        return given

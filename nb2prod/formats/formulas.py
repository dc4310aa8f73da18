"""Formulas: models described by a text such as `y ~ log(x)`, whose names are looked up among the notebook's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nb2prod.dataflow.calls import FORMULA

if TYPE_CHECKING:
    import types

LIBRARIES = frozenset({"formulaic", "patsy"})


def names(value: Any) -> set[str]:
    """Return what a value's formulas may look up when it is made again: statsmodels evaluates them anew."""
    try:
        texts = [item for item in vars(value).values() if isinstance(item, str) and "~" in item]
    except TypeError:
        return set()
    return {name for text in texts for name in FORMULA.findall(text)}


def within(code: types.CodeType) -> set[str]:
    """Return the names in the formulas that a function, or one inside it, is written with."""
    texts = [text for text in code.co_consts if isinstance(text, str) and "~" in text]
    inner = [within(constant) for constant in code.co_consts if hasattr(constant, "co_consts")]
    return {name for text in texts for name in FORMULA.findall(text)}.union(*inner)


def reduce_patsy(value: Any) -> Any:
    """Return how to make a part of a patsy design again, which forbids to be stored only for the time being."""
    cls = type(value)
    array = next((base for base in cls.__mro__ if base.__module__ == "numpy"), None)
    if array is not None:
        return _array, (value.view(array).copy("K"), cls), dict(vars(value)), None, None, _fill
    return object.__new__, (cls,), dict(vars(value)), None, None, _fill


def is_patsy(value: Any) -> bool:
    """True for what patsy refuses to pickle."""
    cls = type(value)
    if cls.__module__.partition(".")[0] != "patsy":
        return False
    return getattr(getattr(cls, "__getstate__", None), "__name__", "") == "no_pickling"


def _array(plain: Any, cls: type) -> Any:
    return plain.view(cls)


def _fill(value: Any, attributes: dict[str, Any]) -> None:
    value.__dict__.update(attributes)

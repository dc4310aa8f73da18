"""Exact: types for which strict JSON is not strict enough, since another value is taken for what was meant."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from .columns import ISO

DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def exact(kind: Any) -> Any:
    """Return a type as it shall be read: one that is plain enough as it is, others with a check before it."""
    if kind is datetime:
        return Annotated[kind, BeforeValidator(_moment)]
    if kind is Decimal:
        return Annotated[kind, BeforeValidator(_decimal)]
    if get_origin(kind) is Literal and any(isinstance(one, int) for one in get_args(kind)):
        return Annotated[kind, BeforeValidator(_among(get_args(kind), lambda value: value))]
    if isinstance(kind, type) and issubclass(kind, enum.Enum) and any(isinstance(one.value, int) for one in kind):
        return Annotated[kind, BeforeValidator(_among([one.value for one in kind], kind))]
    return kind


def _moment(value: Any) -> Any:
    """Read a time; pydantic takes a text of digits as seconds since 1970."""
    if not isinstance(value, str):
        return value
    try:
        if ISO.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("datetime_type", "must be a time as text, such as '2026-01-31T08:00:00'")


def _decimal(value: Any) -> Any:
    """Read an exact number; Python takes the digits of any script."""
    if type(value) in {int, float} or (isinstance(value, str) and DECIMAL.fullmatch(value)):
        return Decimal(str(value))
    if isinstance(value, Decimal):
        return value
    raise PydanticCustomError("decimal_type", "must be a number, or a text of one such as '1.25'")


def _among(known: Any, found: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make what finds a value among some: `true` and `1.0` are equal to 1, and yet others."""

    def check(value: Any) -> Any:
        if any(type(value) is type(one) and value == one for one in known):
            return found(value)
        if any(value is one for one in known):  # a member, of a default
            return value
        raise PydanticCustomError("literal_error", "must be {known}", {"known": " or ".join(map(repr, known))})

    return check

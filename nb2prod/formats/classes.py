"""Classes: those of the notebook as they were made, with their slots and their full name."""

from __future__ import annotations

import types
from typing import Any

from cloudpickle import cloudpickle as internals

from nb2prod.formats import reducers, traits


def reduce(cls: Any, found: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return how to make a class again, given how cloudpickle would."""
    _, (kind, name, bases, given, *rest), (members, others), *filling = found
    given = {**given, "__qualname__": cls.__qualname__}
    if "__slots__" in vars(cls):
        given["__slots__"] = cls.__slots__
        members = {k: v for k, v in members.items() if not isinstance(v, types.MemberDescriptorType)}
    made = (_skeleton, (kind, name, bases, given, *rest), (members, others), *filling)
    return traits.reduce(made) if traits.made(cls) else made


def _skeleton(*made: Any) -> type:
    """Make a class again without telling its bases, which were told when the notebook made it."""
    told = [c for base in made[2] for c in getattr(base, "__mro__", ()) if c.__module__ == reducers.MAIN]
    hooks = {base: vars(base)["__init_subclass__"] for base in told if "__init_subclass__" in vars(base)}
    for base in hooks:
        type.__delattr__(base, "__init_subclass__")
    try:
        own = made[0].__module__ == reducers.MAIN
        cls: type = _quietly(*made[:5]) if own else internals._make_skeleton_class(*made)
    finally:
        for base, hook in hooks.items():
            type.__setattr__(base, "__init_subclass__", hook)
    return cls


def _quietly(kind: Any, name: str, bases: tuple[type, ...], given: dict[str, Any], identity: str) -> Any:
    """Make a class without telling a metaclass of the notebook either, which may not even be there yet."""
    plain: Any = next(c for c in kind.__mro__ if c.__module__ != reducers.MAIN)
    made = plain.__new__(kind, name, bases, dict(given))
    plain.__init__(made, name, bases, dict(given))
    return internals._lookup_class_or_track(identity, made)

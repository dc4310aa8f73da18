"""Singles: objects that a library has one of, such as its generator of random numbers, and finds by identity."""

from __future__ import annotations

import functools
import importlib
import random
import sys
import types
from typing import Any


def _drawn() -> Any:
    mtrand: Any = sys.modules.get("numpy.random.mtrand")
    return getattr(mtrand, "_rand", None)


def reduce_generator(value: Any) -> Any:
    """Return how to find a library's own generator again; its state travels with that of the process."""
    if value is _drawn():
        return _held, ("numpy.random.mtrand", "_rand")
    return (_held, ("random", "_inst")) if value is random._inst else NotImplemented


def reduce_marker(value: Any) -> Any:
    """Return how to find an object again that has no state, and that the module of its class has a name for."""
    cls: Any = type(value)
    if not _stateless(cls) or getattr(value, "__dict__", None):
        return NotImplemented
    module = sys.modules.get(cls.__module__)
    name = next((name for name, held in vars(module).items() if held is value), None) if module is not None else None
    return NotImplemented if name is None else (_held, (cls.__module__, name))


@functools.lru_cache(maxsize=4096)
def _stateless(cls: Any) -> bool:
    """Tell whether objects of a class of a library are pickled as all objects are, and hold nothing but attributes."""
    return (
        cls.__module__ not in {"__main__", "builtins"}
        and cls.__reduce__ is object.__reduce__
        and cls.__reduce_ex__ is object.__reduce_ex__
        and getattr(cls, "__getstate__", None) is getattr(object, "__getstate__", None)
        and cls.__basicsize__ <= object.__basicsize__ + 16  # the attributes and the weak references
        and not cls.__itemsize__
    )


def reduce_original(value: Any) -> Any:
    """Return how to find a library's function again where the notebook has put another one in its place.

    It is found there before that is done again.
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not (callable(value) and isinstance(module, str) and isinstance(name, str)) or module == "__main__":
        return NotImplemented
    now: Any = sys.modules.get(module)
    for part in name.split("."):
        now = getattr(now, part, None)
    replaced = now is not None and now is not value
    # `list[int]`, and what wraps a built-in, have its name as well.
    builtin = module == "builtins" and isinstance(value, type | types.BuiltinFunctionType)
    if replaced and (getattr(now, "__module__", None) == "__main__" or builtin):
        return _held, (module, name)
    return NotImplemented


def _held(module: str, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), importlib.import_module(module))

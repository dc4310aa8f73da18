"""Caches: functions under `functools.lru_cache` with what they remember and what they have counted."""

from __future__ import annotations

import functools
import gc
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_MANY = 10_000_000  # hits to count again one by one; beyond it the count starts anew


class _Missed(Exception):
    """Raised by a call that shall count as a miss and leave nothing behind."""


class Relay:
    """Stands between a cache and its function, so that the cache can be filled without calling the function."""

    def __init__(self) -> None:
        self.function: Callable[..., Any] = _missing

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)


@frozen
class _Memory:
    """What a cache holds, oldest first, and what it has counted."""

    entries: tuple[tuple[Arguments, Any], ...]
    hits: int
    misses: int


def reduce_cache(value: Any) -> Any:
    """Return how to make a cached function again."""
    info = value.cache_info()
    memory = _Memory(_entries(value, info.currsize), info.hits, info.misses)
    attributes = {name: item for name, item in vars(value).items() if name not in {"__wrapped__", "cache_parameters"}}
    return _cache, (value.cache_parameters(),), (value.__wrapped__, attributes, memory), None, None, _fill


def _cache(parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(Relay())


def _fill(cached: Any, state: tuple[Callable[..., Any], dict[str, Any], _Memory]) -> None:
    function, attributes, memory = state
    relay = cached.__wrapped__
    vars(cached).update(attributes, __wrapped__=function)
    for (args, kwargs), result in memory.entries:
        relay.function = functools.partial(_answer, result)
        cached(*args, **kwargs)
    relay.function = _missing
    for _ in range(memory.misses - len(memory.entries)):
        try:
            cached(_Missed)
        except _Missed:
            continue
    if memory.entries and memory.hits <= _MANY:
        (args, kwargs), _ = memory.entries[-1]  # the newest stays the newest
        for _ in range(memory.hits):
            cached(*args, **kwargs)
    relay.function = function


def _answer(result: Any, *_args: Any, **_kwargs: Any) -> Any:
    return result


def _missing(*_args: Any, **_kwargs: Any) -> Any:
    raise _Missed


def _entries(value: Any, size: int) -> tuple[tuple[Arguments, Any], ...]:
    """Read what a cache holds, which only the garbage collector is shown."""
    if not size:
        return ()
    found = gc.get_referents(value)
    position, table = next((n, item) for n, item in enumerate(found) if isinstance(item, dict) and len(item) == size)
    parameters = value.cache_parameters()
    if parameters["maxsize"] is None:
        pairs = list(table.items())
    else:
        # Of each entry the key, the result and the entry's own type, from the oldest to the newest.
        rows = found[position - 3 * size : position]
        pairs = [(rows[n], rows[n + 1]) for n in range(0, len(rows), 3)]
        if [key for key, _ in pairs if key in table] != [key for key, _ in pairs]:
            raise TypeError("the cache cannot be read in this version of Python")
    mark = next(item for item in found[position:] if type(item) is object)
    return tuple((_arguments(key, mark, typed=parameters["typed"]), result) for key, result in pairs)


def _arguments(key: Any, mark: object, *, typed: bool) -> Arguments:
    """Return the arguments that make a key: one plain argument is its own key."""
    if type(key) is not tuple:
        return (key,), {}
    at = next((n for n, item in enumerate(key) if item is mark), None)
    if at is None:
        return (key[: len(key) // 2] if typed else key), {}
    rest = key[at + 1 :]
    if typed:
        rest = rest[: 2 * ((len(rest) - at) // 3)]
    return key[:at], dict(zip(rest[::2], rest[1::2], strict=True))

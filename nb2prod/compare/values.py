"""Contrast: what tells two Python values apart, in a line that a person can act on.

It looks at what values hold, as pickle does, and never asks their own `==`, which may be that of identity. Where it is
too strict for some type, it is so for two straight runs as well, and the value counts as unstable instead of different.
"""

from __future__ import annotations

import reprlib
import types
from typing import TYPE_CHECKING, Any

from attrs import define, field

from nb2prod.compare.texts import ABSOLUTE, RELATIVE, close

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PLAIN: tuple[type, ...] = (int, bool, str, bytes, type(None), type(Ellipsis), range, complex)
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


def contrast(straight: Any, staged: Any, name: str = "") -> str | None:
    """Return what differs first, and where (`name.coef_[0, 1]: 1.5 straight, 2.0 staged`); None for nothing."""
    try:
        return _Contrast().between(straight, staged, name)
    except RecursionError:
        return f"{name}: differs, nested too deeply to say where"


@define
class _Contrast:
    seen: set[tuple[int, int]] = field(factory=set)
    alive: list[Any] = field(factory=list)  # ids are of use only while their objects live

    def between(self, a: Any, b: Any, at: str) -> str | None:
        if a is b or (id(a), id(b)) in self.seen:
            return None
        if _kind(a) != _kind(b):
            return f"{at}: a {_kind(a)} straight, a {_kind(b)} staged"
        if isinstance(a, float):
            return None if close(a, b) else _said(at, a, b)
        if type(a) in _PLAIN:
            return None if a == b else _said(at, a, b)
        self.seen.add((id(a), id(b)))
        self.alive += [a, b]
        return self._structure(a, b, at)

    def _structure(self, a: Any, b: Any, at: str) -> str | None:
        root = type(a).__module__.partition(".")[0]
        if root == "numpy" and hasattr(a, "dtype"):
            return self._arrays(a, b, at)
        if root == "pandas" and _pandas(a) is not None:
            return _testing(a, b, at)
        if root in {"polars", "pyarrow"} and hasattr(a, "equals"):
            return None if a.equals(b) else _said(at, a, b)
        if type(a) in {list, tuple}:
            return self._sequences(a, b, at)
        if type(a) is dict:
            return self._mappings(a, b, at, "[{!r}]")
        if type(a) in {set, frozenset}:
            return self._sets(a, b, at)
        if isinstance(a, type | types.ModuleType | types.BuiltinFunctionType):
            return self._definitions(a, b, at)
        if isinstance(a, types.FunctionType):
            return self.between(_function(a), _function(b), at)
        if isinstance(a, types.CodeType):
            return self.between(_code(a), _code(b), at)
        return self._objects(a, b, at)

    def _arrays(self, a: Any, b: Any, at: str) -> str | None:
        import numpy as np

        if a.shape != b.shape or a.dtype != b.dtype:
            return f"{at}: {a.dtype} {a.shape} straight, {b.dtype} {b.shape} staged"
        if a.dtype.names:
            return self._first((a[n], b[n], f"{at}[{n!r}]") for n in a.dtype.names)
        if a.dtype.hasobject:
            return self._sequences(np.ravel(a).tolist(), np.ravel(b).tolist(), at)
        if a.dtype.kind in "fc":
            equal = np.isclose(a, b, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
        else:
            equal = (a == b) | ((a != a) & (b != b))  # NaT
        wrong = np.argwhere(~np.asarray(equal))
        if not len(wrong):
            return None
        where = tuple(int(i) for i in wrong[0])
        place = f"{at}[{', '.join(map(str, where))}]" if where else at
        more = f" ({len(wrong)} of {a.size} values differ)" if a.size > 1 else ""
        return f"{_said(place, a[where], b[where])}{more}"

    def _sequences(self, a: Sequence[Any], b: Sequence[Any], at: str) -> str | None:
        if len(a) != len(b):
            return f"{at}: {len(a)} items straight, {len(b)} staged"
        return self._first((x, y, f"{at}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True)))

    def _mappings(self, a: Mapping[Any, Any], b: Mapping[Any, Any], at: str, form: str) -> str | None:
        keys, others = list(a), list(b)
        if all(type(key) in _PLAIN for key in (*keys, *others)):
            for key in (*keys, *others):
                if (key in a) != (key in b):
                    return f"{at}{form.format(key)}: only {'straight' if key in a else 'staged'}"
            if keys != others:
                return f"{at}: in another order: {_short.repr(keys)} straight, {_short.repr(others)} staged"
            return self._first((a[key], b[key], f"{at}{form.format(key)}") for key in keys)
        return self._sequences(list(a.items()), list(b.items()), at)

    def _sets(self, a: Any, b: Any, at: str) -> str | None:
        if a == b:
            return None
        mine, theirs = sorted(a - b, key=repr), sorted(b - a, key=repr)
        return self._sequences(mine, theirs, f"{at} (items that the other has not)")

    def _definitions(self, a: Any, b: Any, at: str) -> str | None:
        if a.__name__ != b.__name__:
            return _said(at, a, b)
        if not isinstance(a, type) or a.__module__ != "__main__":
            return None
        parts = [{k: v for k, v in vars(c).items() if callable(v) and k != "__class__"} for c in (a, b)]
        return self._mappings(parts[0], parts[1], at, ".{}")

    def _objects(self, a: Any, b: Any, at: str) -> str | None:
        try:
            mine, theirs = a.__reduce_ex__(4), b.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - what cannot be taken apart has only its type to compare
            return None
        if isinstance(mine, str) or isinstance(theirs, str):
            return None if mine == theirs else _said(at, a, b)
        first, second = _parts(mine), _parts(theirs)
        found = self.between(first[:2], second[:2], at)
        if found is not None:
            return found if found.startswith(f"{at}.") else _said(at, a, b)
        if all(isinstance(parts[2], dict) for parts in (first, second)):
            found = self._mappings(first[2], second[2], at, ".{}")
        else:
            found = self.between(first[2], second[2], at)
        return found or self._first([(first[3], second[3], at), (first[4], second[4], at)])

    def _first(self, pairs: Iterator[tuple[Any, Any, str]] | list[tuple[Any, Any, str]]) -> str | None:
        return next((found for a, b, at in pairs if (found := self.between(a, b, at)) is not None), None)


def _kind(value: Any) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ in {"builtins", "__main__"} else f"{cls.__module__}.{cls.__qualname__}"


def _said(at: str, a: Any, b: Any) -> str:
    return f"{at}: {_short.repr(a)} straight, {_short.repr(b)} staged"


def _pandas(value: Any) -> Any:
    """Return the function of `pandas.testing` for a value, or None."""
    import pandas as pd
    from pandas import testing

    by_type = {
        pd.DataFrame: testing.assert_frame_equal,
        pd.Series: testing.assert_series_equal,
        pd.Index: testing.assert_index_equal,
    }
    return next((check for cls, check in by_type.items() if isinstance(value, cls)), None)


def _testing(a: Any, b: Any, at: str) -> str | None:
    try:
        _pandas(a)(a, b, rtol=RELATIVE, atol=ABSOLUTE)
        # With a tolerance, pandas lets integers be near each other, too.
        if hasattr(a, "select_dtypes"):
            _pandas(a)(a.select_dtypes("integer"), b.select_dtypes("integer"), check_exact=True)
        elif getattr(a.dtype, "kind", "") in "iu":
            _pandas(a)(a, b, check_exact=True)
    except AssertionError as wrong:
        lines = (line.strip() for line in str(wrong).replace("[left]:", "straight").splitlines())
        return f"{at}: {'; '.join(line for line in lines if line).replace('[right]:', 'staged')}"
    return None


def _parts(reduced: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a reduction as (callable, arguments, state, list items, dict items)."""
    made, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    return made, arguments, state, None if items is None else list(items), None if pairs is None else dict(pairs)


def _function(value: types.FunctionType) -> tuple[Any, ...]:
    cells = [_content(cell) for cell in value.__closure__ or ()]
    return value.__qualname__, value.__code__, value.__defaults__, value.__kwdefaults__, cells, vars(value)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _code(value: types.CodeType) -> tuple[Any, ...]:
    return value.co_code, value.co_consts, value.co_names, value.co_varnames, value.co_freevars

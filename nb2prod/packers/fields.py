"""Field: what one column of a request may hold, learnt from the rows a model was trained and judged on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from attrs import evolve, frozen

from nb2prod.candidates.candidate import Candidate
from nb2prod.candidates.whole import parts
from nb2prod.errors.models import ColumnUnclear
from nb2prod.serving.tensors import Tensors

Kind = Literal["integer", "number", "boolean", "text", "time", "array"]
Container = Literal["frame", "array", "series", "tensors"]

LARGE = 200_000  # numbers of a row that a service takes as JSON
MANY = 100  # more distinct texts than this are no categories
# pandas.api.types.infer_dtype's words for what a column holds.
KINDS: dict[str, Kind] = {
    "integer": "integer",
    "floating": "number",
    "mixed-integer-float": "number",
    "boolean": "boolean",
    "string": "text",
    "datetime64": "time",
    "datetime": "time",
}


@frozen(kw_only=True)
class Field:
    """One column: its type, and what was seen in it."""

    column: str | int  # as the notebook's frame calls it
    kind: Kind
    dtype: str
    nullable: bool = False
    categories: tuple[Any, ...] = ()  # values seen, when they are few
    category: bool = False  # the model knows the values by name, so another one means nothing to it
    closed: bool = False  # and fails on, or silently loses, another one
    ordered: bool = False  # of a categorical dtype
    long: bool = False  # a text of some length, which is no choice between those that were seen
    low: float | None = None
    high: float | None = None
    example: Any = None
    shape: tuple[int, ...] = ()  # of an array

    @property
    def key(self) -> str:
        """Return the column's name in JSON."""
        return str(self.column)


@frozen(kw_only=True)
class Table:
    """What a request's rows become before the model sees them."""

    container: Container
    fields: tuple[Field, ...]

    def example(self) -> dict[str, Any]:
        """Return a row of the usual values; nobody's own row."""
        return {f.key: f.example for f in self.fields}


def learn(candidate: Candidate) -> Table:
    """Learn the fields from the rows a candidate was trained and judged on.

    Raises:
        ColumnUnclear: A column holds what JSON cannot say (lists, objects, several types at once).
    """
    if isinstance(candidate.train.x, Tensors):
        return Table(container="tensors", fields=tuple(_tensors(candidate.train.x, candidate.held.x)))
    container, learnt = frame_of(candidate.train.x, candidate.model)
    _, judged = frame_of(candidate.held.x, candidate.model)
    known = encoded(candidate.model, learnt.columns)
    found = tuple(of(learnt, judged, known))
    if container == "series" and found[0].kind == "text":
        found = (evolve(found[0], categories=(), long=True, example=_text(learnt.iloc[:, 0])),)
    return Table(container=container, fields=found)


def _tensors(learnt: Tensors, judged: Tensors) -> Iterator[Field]:
    import pandas as pd

    for name, part in learnt.parts.items():
        if part.ndim == 1:
            yield _field(pd.Series(part), pd.Series(judged.parts[name]), name, known=None)
        else:
            yield _array(name, part)


def _array(name: str, learnt: Any) -> Field:
    """Learn an input of more dimensions; its example is the same number everywhere, and nobody's."""
    import numpy as np

    size, shape = learnt[0].size, learnt.shape[1:]
    if learnt.dtype.kind not in "iuf" or not 0 < size <= LARGE:
        raise ColumnUnclear(name, f"a row of it holds {size:,} values of type {learnt.dtype}")
    if not np.isfinite(learnt).all():
        raise ColumnUnclear(name, "it holds numbers that are missing or infinite")
    usual = np.full(shape, np.median(learnt[:100])).astype(learnt.dtype)
    low, high = float(learnt.min()), float(learnt.max())
    dtype = str(learnt.dtype)
    return Field(column=name, kind="array", dtype=dtype, low=low, high=high, example=usual.tolist(), shape=shape)


def _text(seen: Any) -> str:
    """Return a text as an example: nobody's own, and of words that a model may know."""
    words = [word for text in seen.dropna().head(20) for word in str(text).split()]
    return " ".join(word for word, _ in Counter(words).most_common(5)) or "text"


def of(learnt: Any, judged: Any, known: Mapping[Any, bool]) -> Iterator[Field]:
    """Learn the fields of two frames with the same columns; `known` are those whose values a model knows by name.

    Raises:
        ColumnUnclear: Likewise.
    """
    for n, column in enumerate(learnt.columns):
        yield _field(learnt.iloc[:, n], judged.iloc[:, n], column, known=known.get(column))


def frame_of(x: Any, model: Any) -> tuple[Container, Any]:
    """Return rows as a frame, and what they were."""
    import numpy as np
    import pandas as pd

    if isinstance(x, pd.DataFrame):
        return "frame", x
    if hasattr(x, "tocsr"):
        raise ColumnUnclear("the rows", "they are a sparse matrix, which something made of rows that a client has")
    array = np.asarray(x)
    if array.ndim == 1 and not hasattr(model, "n_features_in_"):
        name = x.name if isinstance(x, pd.Series) and x.name else "value"
        return "series", pd.DataFrame({name: x if isinstance(x, pd.Series) else list(x)})
    if array.ndim != 2:
        raise ColumnUnclear("the rows", f"they are an array of {array.ndim} dimensions")
    return "array", pd.DataFrame(array, columns=[f"x{n}" for n in range(array.shape[1])])


def records(x: Any, table: Table, model: Any) -> list[dict[str, Any]]:
    """Write rows as a client would send them: plain JSON values, null for what is missing."""
    if isinstance(x, Tensors):
        columns = [part.tolist() for part in x.parts.values()]
    else:
        _, frame = frame_of(x, model)
        columns = [[_plain(v, f) for v in frame.iloc[:, n].tolist()] for n, f in enumerate(table.fields)]
    keys = [f.key for f in table.fields]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def encoded(model: Any, columns: Iterable[Any]) -> dict[Any, bool]:
    """Return the columns whose values a model knows by name, and whether it fails on one that it has not seen."""
    every = list(columns)
    found: dict[Any, bool] = {}
    split = False
    for part in parts(model):
        for _, inner, chosen in getattr(part, "transformers_", ()):
            split = True
            fails = _encoders(inner)
            if fails:
                found.update((column, found.get(column, False) or any(fails)) for column in _chosen(chosen, every))
    fails = [] if split else _encoders(model)
    return found or (dict.fromkeys(every, any(fails)) if fails else {})


def _encoders(part: Any) -> list[bool]:
    """Say for each encoder in a part whether it fails on a category that it has not seen."""
    every = list(parts(part))
    own = {id(getattr(p, "_encoder", None)) for p in every}  # KBinsDiscretizer's knows its bins, not the values
    known = (p for p in every if hasattr(p, "handle_unknown") and hasattr(p, "categories_") and id(p) not in own)
    return [p.handle_unknown == "error" for p in known]


def _chosen(columns: Any, every: list[Any]) -> Iterator[Any]:
    """Resolve a ColumnTransformer's choice: names, positions, or one of either."""
    columns = columns.tolist() if hasattr(columns, "tolist") else columns
    many = columns if isinstance(columns, list | tuple) else [columns]
    for n, column in enumerate(many):
        if isinstance(column, slice):
            yield from every[column]
        elif isinstance(column, bool):
            yield from [every[n]] if column else []
        else:
            yield column if column in every else every[column]


def _field(learnt: Any, judged: Any, column: Any, *, known: bool | None) -> Field:
    """Learn one field; `known` says that the model knows its values by name (not None), and fails on others (True)."""
    import pandas as pd

    category = isinstance(learnt.dtype, pd.CategoricalDtype)
    plain = Field(
        column=column,
        kind=_kind(learnt.cat.categories if category else learnt, column),
        dtype="category" if category else str(learnt.dtype),
        nullable=bool(learnt.isna().any() or judged.isna().any()),
    )
    kept = learnt[learnt.abs() != math.inf].dropna() if plain.kind == "number" and not category else learnt.dropna()
    if not len(kept):
        raise ColumnUnclear(str(column), "every value of it is missing")
    if category:
        seen = tuple(learnt.cat.categories.tolist())
        ordered, top = bool(learnt.cat.ordered), _plain(kept.mode().iloc[0], plain)
        return evolve(plain, categories=seen, category=True, closed=True, ordered=ordered, example=top)
    if plain.kind == "text" or (plain.kind == "integer" and known is not None):
        return _named(plain, kept, judged.dropna(), known=known)
    if plain.kind == "boolean":
        return evolve(plain, example=bool(kept.mode().iloc[0]))
    if plain.kind == "time":
        return evolve(plain, example=kept.median().isoformat())
    return _number(plain, kept)


def _kind(values: Any, column: Any) -> Kind:
    import pandas as pd

    if not isinstance(column, str | int) or isinstance(column, bool):
        raise ColumnUnclear(str(column), "its name is neither a text nor a number")
    word = pd.api.types.infer_dtype(values, skipna=True)
    if word not in KINDS or pd.api.types.is_complex_dtype(values):
        raise ColumnUnclear(str(column), f"it holds {'nothing' if word == 'empty' else word.replace('-', ' ')} values")
    return KINDS[word]


def _number(plain: Field, kept: Any) -> Field:
    middle = float(kept.median())
    # The median of whole numbers may lie between two of them.
    example = int(middle) if plain.kind == "integer" else float(f"{middle:.4g}")
    return evolve(plain, low=float(kept.min()), high=float(kept.max()), example=example)


def _named(plain: Field, kept: Any, judged: Any, *, known: bool | None) -> Field:
    seen = tuple(sorted({*kept.unique().tolist(), *judged.unique().tolist()}))
    few = len(seen) <= MANY or known is not None
    # A text that stands for one person or thing is nobody's example.
    example = kept.mode().iloc[0] if few else "text"
    example = int(example) if plain.kind == "integer" else example
    return evolve(
        plain, categories=seen if few else (), category=known is not None, closed=bool(known), example=example
    )


def _plain(value: Any, field: Field) -> Any:
    # NaN and NaT differ from themselves; pandas.NA refuses to be compared.
    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    if field.kind == "time":
        return value.isoformat()
    return {"integer": int, "number": float, "boolean": bool, "text": str}[field.kind](value)

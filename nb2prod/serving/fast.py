"""Fast path: a fitted pipeline as NumPy on columns, without a DataFrame for each request.

Most of the time that a scikit-learn pipeline takes for one row is spent on slicing DataFrames and checking them. Here
the columns that a request was checked against go straight into the arithmetic of its fitted transformers. What is not
known here is asked as it is: scikit-learn's own parts with a matrix, the notebook's own with a DataFrame of their
columns. Nothing of this is trusted: packaging compares both ways on real and on hostile rows, and a service uses this
one only where they were equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from attrs import evolve, frozen

from .array_frame import ArrayFrame, twin
from .array_frame import Rows as Index
from .blocks import Blocks, Part, whole
from .encoders import Lookup
from .frame import series
from .heads import Head, Unknown, finite, head, unnamed
from .table import Rows

Matrix = np.ndarray[Any, Any]


Step = Callable[[Any], Any]


def compile_model(
    model: Any, schema: Mapping[str, Any], *, sheets: bool
) -> Callable[[Rows], tuple[Matrix, Matrix | None]]:
    """Return what answers rows as `model` does.

    Args:
        model: The fitted model.
        schema: What requests are checked against.
        sheets: Give the notebook's own transformers array frames instead of DataFrames.

    Raises:
        Unknown: There is no way to avoid the DataFrame.
    """
    fields = schema["fields"]
    model = getattr(model, "best_estimator_", model)
    steps, last = _steps(model)
    every = Columns(fields=fields, places=tuple(range(len(fields))), sheets=sheets)
    made = [_step(part, every, schema["container"]) for part in steps[:1]]
    made += [_whole(_onward(part)) for part in steps[1:]]
    end: Head = head(last)

    def answer(rows: Rows) -> tuple[Matrix, Matrix | None]:
        value: Any = Part(rows=rows, places=range(len(fields)))
        if schema["container"] == "series":
            value = rows.arrays[0]
        for step in made:
            value = step(value)
        return end(value)

    return answer


@frozen(kw_only=True)
class Columns:
    """Which fields of the schema a part gets."""

    fields: Sequence[Mapping[str, Any]]
    places: Sequence[int]
    sheets: bool

    def choose(self, asked: Any) -> tuple[int, ...]:
        """Resolve a ColumnTransformer's choice of names, positions or both."""
        names = [self.fields[n]["column"] for n in self.places]
        if isinstance(asked, slice):
            return tuple(self.places[asked])
        asked = asked.tolist() if hasattr(asked, "tolist") else asked
        many = asked if isinstance(asked, list | tuple) else [asked]
        if many and all(isinstance(one, bool) for one in many):
            return tuple(place for place, wanted in zip(self.places, many, strict=True) if wanted)
        return tuple(self.places[names.index(one) if isinstance(one, str) else one] for one in many)


def _steps(model: Any) -> tuple[list[Any], Any]:
    """Take a model apart into its transformers and its last step."""
    if _is(model, "Pipeline"):
        *before, (_, last) = model.steps
        inner, end = _steps(last)
        return [part for _, part in before if part not in (None, "passthrough")] + inner, end
    if not callable(getattr(model, "predict", None)) or not type(model).__module__.startswith(_KNOWN):
        raise Unknown(type(model).__name__)
    return [], model


_KNOWN = ("sklearn.", "xgboost.", "lightgbm.", "catboost.")  # they take a matrix where they learnt from a frame


def _is(part: Any, name: str) -> bool:
    return type(part).__name__ == name and type(part).__module__.startswith("sklearn.")


def _step(part: Any, columns: Columns, container: str = "frame") -> Step:
    """Return what a transformer does to columns of the request."""
    if part == "passthrough":
        return lambda given: given
    if _is(part, "Pipeline"):
        first, *more = [one for _, one in part.steps if one not in (None, "passthrough")]
        return _chained([_step(first, columns, container), *(_whole(_onward(one)) for one in more)])
    if _is(part, "ColumnTransformer"):
        return _split(part, columns)
    if _is(part, "FeatureUnion"):
        return _joined(
            [_step(one, columns, container) for _, one in part.transformer_list if one != "drop"], sparse=False
        )
    if type(part).__module__.startswith("sklearn.") and not (_is(part, "FunctionTransformer") and part.func):
        inner = _onward(part)
        if isinstance(inner, Lookup):
            return lambda x: inner.columns(x.rows, x.places) if isinstance(x, Part) else inner(whole(x))
        return _whole(inner)
    if container != "frame":
        return _onward(part)
    return _framed(part, columns)


def _framed(part: Any, columns: Columns) -> Step:
    """Give the notebook's own transformer what it expects: the DataFrame, or the array frame that it takes for one."""
    fields = [columns.fields[n] for n in columns.places]
    if columns.sheets and all(f["dtype"] in SHEETED for f in fields):
        return _sheeted(part, columns)
    import pandas as pd

    names = pd.Index([f["column"] for f in fields])

    def answer(given: Any) -> Any:
        if not isinstance(given, Part):
            raise Unknown("a frame is gone")
        made = {n: series(given.rows.values[n], columns.fields[n]) for n in columns.places}
        frame = pd.DataFrame(made)
        frame.columns = names
        return _bare(part.transform(frame))

    return answer


# An array frame's values are these, and do what Series of these do.
SHEETED = frozenset({"float64", "float32", "int64", "int32", "bool", "str", "object"})


def _sheeted(part: Any, columns: Columns) -> Step:
    own = twin(part)
    work = own.transform
    if _is(part, "FunctionTransformer"):
        if part.validate:
            return _onward(part)
        work = partial(own.func, **(part.kw_args or {}))
    names = [columns.fields[n]["column"] for n in columns.places]

    def answer(given: Any) -> Any:
        if not isinstance(given, Part):
            raise Unknown("a frame is gone")
        made = {name: given.rows.arrays[n] for name, n in zip(names, columns.places, strict=True)}
        with np.errstate(all="ignore"):  # as pandas does
            found = work(ArrayFrame(made, Index(given.rows.count)))
            return found if type(found) is ArrayFrame else _bare(found)

    return answer


def _bare(value: Any) -> Any:
    return value if hasattr(value, "indptr") else np.asarray(value)


def _onward(part: Any) -> Step:
    """Return what a transformer does to a matrix."""
    if part == "passthrough":
        return lambda given: given
    output = getattr(part, "_sklearn_output_config", {}).get("transform", "default")
    if not type(part).__module__.startswith("sklearn."):
        raise Unknown(f"{type(part).__name__} may need the names of columns")
    if output != "default" and _is(part, "FunctionTransformer"):
        raise Unknown("it may need the names of columns")
    known = KNOWN.get(type(part).__name__)
    if known is not None:
        try:
            return known(part)
        except (Unknown, AttributeError):  # another version of scikit-learn may call its parts otherwise
            pass
    own = unnamed(part)
    return lambda given: _bare(own.transform(given))


def _whole(step: Step) -> Step:
    """Return a step that wants one matrix."""
    return lambda given: step(whole(given))


def _chained(steps: Sequence[Step]) -> Step:
    def answer(given: Any) -> Any:
        for step in steps:
            given = step(given)
        return given

    return answer


def _split(part: Any, columns: Columns) -> Step:
    """Return what a ColumnTransformer does: each part to its columns, side by side."""
    steps: list[Step] = []
    for _, inner, asked in part.transformers_:
        single = isinstance(asked, str | int) and not isinstance(asked, bool)
        places = columns.choose(asked)
        if inner == "drop" or not places:
            continue
        steps.append(_chosen(_step(inner, evolve(columns, places=places)), places, single=single))
    return _joined(steps, sparse=bool(part.sparse_output_))


def _chosen(step: Step, places: Sequence[int], *, single: bool) -> Step:
    def answer(given: Part) -> Any:
        # A column that is named alone, and not in a list, arrives as a row of values: texts to count words in.
        return step(given.rows.arrays[places[0]] if single else Part(rows=given.rows, places=places))

    return answer


def _joined(steps: Sequence[Step], *, sparse: bool) -> Step:
    def answer(given: Any) -> Any:
        found = Blocks([step(given) for step in steps])
        if any(hasattr(block, "indptr") for block in found.given):
            from scipy.sparse import hstack

            stacked = hstack([whole(block) for block in found.given]).tocsr()
            return stacked if sparse else stacked.toarray()
        return _compressed(found.matrix()) if sparse else found

    return answer


def _compressed(x: Matrix) -> Any:
    """Return a matrix by what is not zero in it, in the order of its rows."""
    from scipy.sparse import csr_matrix

    rows, places = np.nonzero(x)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(x)))])
    return csr_matrix((x[rows, places], places, starts), shape=x.shape)


def _floats(given: Any) -> Matrix:
    """Return numbers as the scalers get them: a copy, in the precision it had."""
    return np.array(given, dtype=given.dtype if given.dtype.kind == "f" else float)


def _shift_scale(part: Any) -> Step:
    centre = getattr(part, "mean_", None) if _is(part, "StandardScaler") else getattr(part, "center_", None)
    switches = ("with_mean", "with_std") if _is(part, "StandardScaler") else ("with_centering", "with_scaling")
    shift, scale = (getattr(part, name) for name in switches)
    # One of the two takes its parameters in the precision of the numbers, the other in its own.
    cast = _is(part, "StandardScaler")

    def kind(x: Matrix) -> Any:
        return x.dtype if cast else float

    def answer(given: Any) -> Matrix:
        x = _floats(given)
        if shift:
            x -= np.asarray(centre, dtype=kind(x))
        if scale:
            x /= np.asarray(part.scale_, dtype=kind(x))
        return x

    return answer


def _min_max(part: Any) -> Step:
    def answer(given: Any) -> Matrix:
        x = _floats(given)
        x *= part.scale_
        x += part.min_
        if part.clip:
            np.clip(x, *part.feature_range, out=x)
        return x

    return answer


def _filled(part: Any) -> Step:
    """Return what a SimpleImputer does to numbers."""
    values = np.asarray(part.statistics_)
    nan = isinstance(part.missing_values, float) and np.isnan(part.missing_values)
    if part.indicator_ is not None or not nan or values.dtype.kind != "f" or np.isnan(values).any():
        raise Unknown("an imputer of another kind")

    def answer(given: Any) -> Matrix:
        x = _floats(given)
        gaps = np.isnan(x)
        if gaps.any():
            x[gaps] = np.broadcast_to(values, x.shape)[gaps].astype(x.dtype)
        return x

    return answer


def _supported(part: Any) -> Step:
    kept = part.get_support()  # and not its places: they would give a matrix in another order
    # Most selectors refuse gaps; for those that do not, the slow way is there.
    return lambda given: finite(given)[:, kept]


KNOWN: Mapping[str, Callable[[Any], Step]] = {
    "StandardScaler": _shift_scale,
    "RobustScaler": _shift_scale,
    "MinMaxScaler": _min_max,
    "SimpleImputer": _filled,
    "OneHotEncoder": Lookup.of,
    "OrdinalEncoder": Lookup.of,
    "SelectKBest": _supported,
    "SelectPercentile": _supported,
    "SelectFromModel": _supported,
    "VarianceThreshold": _supported,
    "RFE": _supported,
    "RFECV": _supported,
}

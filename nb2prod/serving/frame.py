"""Frame: rows as the model was trained on them: the same columns, in the same order and of the same types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .table import Rows
from .tensors import Tensors


def framed(rows: Rows, schema: Mapping[str, Any]) -> Any:
    """Make of a request's rows what the notebook gave its model."""
    import pandas as pd

    fields = schema["fields"]
    if schema["container"] == "tensors":
        return Tensors({field["column"]: array for field, array in zip(fields, rows.arrays, strict=True)})
    made = pd.DataFrame({n: series(rows.values[n], field) for n, field in enumerate(fields)})
    made.columns = pd.Index([field["column"] for field in fields])
    if schema["container"] == "series":
        return made.iloc[:, 0]
    return made.to_numpy() if schema["container"] == "array" else made


def series(values: Any, field: Mapping[str, Any]) -> Any:
    """Turn the values of one field into a column."""
    import pandas as pd

    if field["dtype"] == "category":
        return pd.Series(values, dtype=pd.CategoricalDtype(field["categories"], ordered=field["ordered"]))
    if field["dtype"] == "object":
        # Missing values are NaN in a notebook's columns of objects, and None in JSON.
        return pd.Series([math.nan if v is None else v for v in values], dtype=object)
    return pd.Series(values, dtype=field["dtype"])

"""Library: whose a fitted model is, which says how it is asked, kept, and what it remembers of its training."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

Library = Literal["boosters", "catboost", "onnx", "sklearn", "statsmodels", "torch"]
BOOSTERS = frozenset({("xgboost", "Booster"), ("lightgbm", "Booster")})  # the libraries' own, beside scikit-learn's API


def library_of(value: Any) -> Library | None:
    """Return the library of a fitted model; None for what is no model, or is one by its shape only."""
    if isinstance(value, type):
        return None
    roots = {(cls.__module__.partition(".")[0], cls.__name__) for cls in type(value).__mro__}
    names = {root for root, _ in roots}
    if ("torch", "Module") in roots:
        return None if type(value).__module__ == "torch.nn.modules.loss" else "torch"
    if ("onnxruntime", "InferenceSession") in roots:
        return "onnx"
    if not callable(getattr(value, "predict", None)):
        return None
    if roots & BOOSTERS:
        return "boosters"
    if "statsmodels" in names:  # what is not fitted yet has `predict`, too
        return "statsmodels" if hasattr(value, "params") else None
    return "catboost" if "catboost" in names else "sklearn"


def compiled(value: Any) -> bool:
    """Say whether a model was made of another: a graph of ONNX, or what TorchScript has compiled."""
    library = library_of(value)
    return library == "onnx" or (library == "torch" and hasattr(value, "save_to_buffer"))


def forecasts(value: Any) -> bool:
    """Say whether a model tells what comes next in a series."""
    return library_of(value) == "statsmodels" and callable(getattr(value, "forecast", None))


def ranks(value: Any) -> bool:
    """Say whether a model puts the rows of a query into an order."""
    if library_of(value) == "boosters":
        return objective(value).startswith(("rank", "lambdarank"))
    return "Ranker" in type(value).__name__


def objective(booster: Any) -> str:
    """Return what a booster of XGBoost or LightGBM was trained for, in its library's words."""
    if hasattr(booster, "save_config"):
        return str(json.loads(booster.save_config())["learner"]["objective"]["name"])
    head = booster.model_to_string(num_iteration=1)
    return next((line.removeprefix("objective=") for line in head.splitlines() if line.startswith("objective=")), "")


def remembered(value: Any) -> tuple[Any, Any] | None:
    """Return the rows and labels that a model of statsmodels learnt from: it has them with it."""
    if library_of(value) != "statsmodels":
        return None
    data = value.model.data
    if hasattr(data, "frame") and hasattr(data, "formula"):
        kept = data.frame.drop(index=data.frame.index[list(data.missing_row_idx or [])])
        return kept[columns(value)], data.orig_endog.iloc[:, 0] if data.orig_endog.ndim > 1 else data.orig_endog
    return data.orig_exog, data.orig_endog


def columns(value: Any) -> list[Any]:
    """Return the columns that the right side of a formula names."""
    data = value.model.data
    _, _, terms = data.formula.partition("~")
    return [c for c in data.frame.columns if re.search(rf"(?<!\w){re.escape(str(c))}(?!\w)", terms)]


def formula_of(value: Any) -> str:
    """Return the formula of a model, which may name functions of the notebook; empty where there is none."""
    found = getattr(getattr(getattr(value, "model", None), "data", None), "formula", "")
    return found if isinstance(found, str) else ""

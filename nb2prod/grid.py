"""Grid: the combinations of parameters that a sweep runs, and which of their results is best."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from nb2prod.errors.base import SettingWrong
from nb2prod.evaluate import printed
from nb2prod.evaluate.metrics import PRIMARY
from nb2prod.pipeline import Pipeline
from nb2prod.startup import arguments

_LESS = re.compile(r"(^|_)(error|loss|rmse|mse|mae|mape|rmsle|deviance|perplexity|brier|cost|seconds|time)(_|$)", re.I)
_MEASURES = re.compile(
    r"(^|_)(acc|accuracy|auc|auroc|ap|f1|precision|recall|score|scores|r2|mcc|kappa|gini|lift|bleu|rouge|iou|dice|metric"
    r"|ndcg|map|likelihood|aic|bic|error|loss|rmse|mse|mae|mape|rmsle|deviance|perplexity|brier)(_|$)",
    re.I,
)


@frozen(kw_only=True)
class Combination:
    """One combination of parameters, and what came of it."""

    parameters: Mapping[str, Any]
    run: str
    metrics: Mapping[str, float] = field(factory=dict)
    error: Mapping[str, Any] | None = None  # as JSON
    output: str | None = None  # the executed notebook
    ran: int = 0  # stages
    reused: int = 0
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """Return the parameters as people write them."""
        return " ".join(f"{name}={value}" for name, value in self.parameters.items())


def combinations(axes: Iterable[str]) -> list[dict[str, Any]]:
    """Return the product of axes such as `alpha=0.1,0.5`; values are read as papermill reads its `-p`.

    Raises:
        SettingWrong: An axis has no name or no values, or comes twice.
    """
    found: dict[str, list[Any]] = {}
    for axis in axes:
        name, sign, text = axis.partition("=")
        if not (name.isidentifier() and sign and text) or name in found:
            raise SettingWrong("grid", axis, "a parameter and its values, such as alpha=0.1,0.5, once a parameter")
        found[name] = _values(text)
    return [dict(zip(found, values, strict=True)) for values in itertools.product(*found.values())]


def _values(text: str) -> list[Any]:
    """Read values between commas, or a JSON list for those with commas in them."""
    if text.startswith("["):
        try:
            return list(json.loads(text))
        except ValueError:
            pass
    return [arguments.given(["_", part])["_"] for part in text.split(",")]


def measures(pipeline: Pipeline, by: str | None) -> frozenset[str]:
    """Return the names a notebook sets that may be measures of how good it is, as they are named."""
    left = {name for flow in pipeline.flows for name in flow.leaves}
    declared = {item.name for item in pipeline.parameters}
    judged = {name for flow in pipeline.flows if flow.stage.role == "evaluate" for name in flow.leaves}
    judged |= printed.names(pipeline.stages) & left
    named = {name for name in left if _MEASURES.search(name) or name == _plain(by)}
    return frozenset((named | judged) - declared)


def best(found: Sequence[Combination], kind: str | None, by: str | None) -> tuple[str | None, int | None]:
    """Return the measure that counts and the place of the combination that is best by it.

    Args:
        found: What came of each combination.
        kind: Of the model, if there is one: `classification` or `regression`.
        by: The measure to go by, with `min:` or `max:` before it where its name does not tell.
    """
    names = list(dict.fromkeys(name for item in found for name in item.metrics))
    usual = PRIMARY[kind][0] if kind and PRIMARY[kind][0] in names else (names[0] if names else None)
    name = _plain(by) or usual
    rated = [(item.metrics[name], at) for at, item in enumerate(found) if name in item.metrics] if name else []
    if not rated:
        return name, None
    sign = 1 if is_less_better(by or name or "") else -1
    return name, min(rated, key=lambda pair: (sign * pair[0], pair[1]))[1]


def is_less_better(by: str) -> bool:
    """Tell whether a measure is better when it is less."""
    if by.startswith(("min:", "max:")):
        return by.startswith("min:")
    return bool(_LESS.search(by))


def _plain(by: str | None) -> str | None:
    return by.removeprefix("min:").removeprefix("max:") if by else None

"""Told: what a release and its card say of a model, whatever kind it is of."""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

from attrs import asdict

from nb2prod.bundle.lift import Lifted
from nb2prod.candidates.candidate import Candidate
from nb2prod.candidates.libraries import formula_of
from nb2prod.candidates.rows import Rows
from nb2prod.evaluate.metrics import sought
from nb2prod.packers import own
from nb2prod.packers.judgement import Judgement, truth_of

Json = dict[str, Any]


def card(found: Candidate, judged: Judgement) -> Json:
    """Describe a model for people."""
    compared, baseline = judged.compared, judged.baseline
    return {
        "model": found.name,
        "class": _class(found.model),
        "trained": len(found.train),
        "rows": len(found.held),
        "positive": _sought(found),
        "labels": [] if found.classes is None else [str(c) for c in found.classes][:100],
        "metrics": {name: value for name, value in judged.metrics.items() if name in baseline.metrics},
        "own": {name: value for name, value in judged.metrics.items() if name not in baseline.metrics},
        "intervals": compared.intervals,
        "metric": compared.metric,
        "better_by": compared.better_by,
        "baseline": {"name": baseline.name, "metrics": baseline.metrics},
        "rivals": [asdict(rival) for rival in judged.rivals],
        "plots": own.listed(judged.plots),
    }


def said(found: Candidate, judged: Judgement, lifted: Lifted) -> Json:
    """Describe a model for its release."""
    rows = {"train": len(found.train), "held_out": len(found.held)}
    model = {"name": found.name, "kind": found.kind, "class": _class(found.model), "sha256": lifted.digest}
    model |= {"positive": wanted} if (wanted := _sought(found)) is not None else {}
    return {
        "metrics": judged.metrics,
        "baseline": judged.baseline,
        "compared": judged.compared,
        "rivals": judged.rivals,
        "model": {**model, "library": found.library, "file": lifted.file, "rows": rows},
        "data": {"train": _digest(found.train), "held_out": _digest(found.held)},
    }


def loaded(found: Candidate, lifted: Lifted, module: str) -> Json:
    """Describe a model for the service that loads it; formulas look their functions up in the notebook's own code."""
    code = {"code": module} if formula_of(found.model) and lifted.source else {}
    trusted = {"trusted": list(lifted.trusted)} if lifted.trusted else {}
    return {"model": lifted.file, "library": found.library, "how": dict(found.how), **code, **trusted}


def _class(model: Any) -> str:
    cls = type(model)
    return cls.__qualname__ if cls.__module__ == "__main__" else f"{cls.__module__}.{cls.__qualname__}"


def _sought(found: Candidate) -> str | None:
    """Return which of two classes F1 and the like are of."""
    import numpy as np

    known = np.asarray(found.classes) if found.classes is not None else ()
    return str(sought(truth_of(found), known)) if len(known) == 2 else None


def _digest(rows: Rows) -> str:
    return hashlib.sha256(pickle.dumps((rows.x, rows.y), protocol=5)).hexdigest()

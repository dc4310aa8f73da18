"""Reading: what the answers of a model mean, told by asking it about rows that it learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nb2prod.candidates.libraries import Library, objective

FEW = 1000  # rows that are asked
How = Mapping[str, Any]


def array(value: Any) -> Any:
    """Return a tensor as an array, which is all that is needed of it here; other values as they are."""
    if isinstance(value, list | tuple) and value and all(hasattr(one, "detach") for one in value):
        return [array(one) for one in value]
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def how(library: Library, model: Any, x: Any, y: Any, options: How | None = None) -> How:
    """Say how a model's answers are to be read; of scikit-learn's there is nothing to say.

    Args:
        library: The model's.
        model: As its library has it.
        x: Rows that it learnt from.
        y: Their labels.
        options: What the notebook asks it with.
    """
    if library == "boosters":
        return _booster(model, x, y, options or {})
    if library == "torch":
        return _network(model, x, y)
    if library == "onnx":
        return _graph(model, x, y)
    return _results(model, x, y) if library == "statsmodels" else {}


def _booster(model: Any, x: Any, y: Any, options: How) -> How:
    from nb2prod.serving.models import boosters

    aim = objective(model)
    if aim == "multi:softmax":  # it says the class only; the scores that it is the highest of say more
        options = {**options, "output_margin": True}
    if not aim.startswith(("binary", "multi", "cross_entropy", "xentropy")):
        return {"options": options, "reading": "numbers", "flat": True}
    return {"options": options, **_layer(boosters.raw(model, x[:FEW], options), y)}


def _network(model: Any, x: Any, y: Any) -> How:
    from nb2prod.serving.models import modules

    dtype = dtype_of(model, x)
    return {"dtype": dtype, **_layer(modules.raw(model.eval(), x[:FEW], dtype), y)}


def dtype_of(model: Any, x: Any) -> str:
    """Return the type of the numbers that a network takes: whole ones where it begins with an embedding."""
    whole = getattr(getattr(x, "dtype", None), "kind", "f") in "iub"
    known = [str(p.dtype).removeprefix("torch.") for p in model.parameters() if p.is_floating_point()]
    return "int64" if whole and _embeds(model) else next(iter(known), "float32")


def _embeds(model: Any) -> bool:
    first = next((part for part in model.modules() if not list(part.children())), None)
    return type(first).__name__.startswith("Embedding")


def _layer(said: Any, y: Any) -> How:
    """Read a last layer."""
    import numpy as np
    from sklearn.utils.multiclass import type_of_target

    from nb2prod.serving.models import outputs

    labels = np.asarray(y)
    flat = labels.ndim == 1 or labels.shape[1:] == (1,)
    known, width = np.unique(labels), said.reshape(len(said), -1).shape[1]
    classes = flat and not str(type_of_target(labels.ravel())).startswith("continuous")
    if classes and (width >= len(known) > 1 and width > 1):
        every = np.arange(width) if labels.dtype.kind in "iufb" else known
        return {"reading": outputs.reading(said, classes=width), "classes": every.tolist()}
    if classes and width == 1 and set(known.tolist()) <= {0, 1}:
        return {"reading": outputs.reading(said, classes=2), "classes": [0, 1]}
    return {"reading": "numbers", "flat": flat}


def _graph(session: Any, x: Any, y: Any) -> How:
    import numpy as np

    from nb2prod.serving.models import graphs, outputs

    names = [o.name for o in session.get_outputs()]
    every = session.run(None, graphs.fed(session, x[:FEW]))
    first = np.asarray(every[0])
    if len(every) == 1 or first.ndim != 1 or first.dtype.kind == "f":
        return {"label": None, "output": names[0], **_layer(first, y)}
    maps = isinstance(every[1], list)
    classes = list(every[1][0]) if maps else np.unique(np.asarray(y)).tolist()
    said = graphs.array(every[1], classes)
    reading = outputs.reading(said, classes=len(classes))
    return {"label": names[0], "output": names[1], "classes": classes, "reading": reading}


def _results(model: Any, x: Any, y: Any) -> How:
    import numpy as np

    said, labels = np.asarray(model.predict(x[:FEW])), np.asarray(y)
    if said.ndim > 1:
        return {"classes": np.unique(labels).tolist()}
    family = type(getattr(model.model, "family", None)).__name__
    two = labels.dtype.kind in "iub" or set(np.unique(labels).tolist()) <= {0, 1}
    binary = two and (family == "Binomial" or "Binary" in type(model).__name__)
    return {"classes": [False, True] if labels.dtype.kind == "b" else [0, 1]} if binary else {}

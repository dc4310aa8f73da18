"""Safely: a model in a file that says what it is made of, so that loading it runs nothing but what is known."""

from __future__ import annotations

from attrs import evolve

from nb2prod.bundle.lift import Lifted
from nb2prod.candidates.candidate import Candidate

# The types of these libraries do no harm; the file that has them is checked by its hash all the same.
KNOWN = frozenset({"numpy", "scipy", "sklearn"})


def safe(found: Candidate, lifted: Lifted) -> Lifted:
    """Keep a model in skops' format, where that is installed and knows all of the model; else as it was."""
    if found.library != "sklearn" or lifted.file != "model.pkl" or lifted.source:
        return lifted
    try:
        import skops.io
        from skops.io.exceptions import UnsupportedTypeException
    except ImportError:
        return lifted
    try:
        data = skops.io.dumps(found.model)
        names = tuple(skops.io.get_untrusted_types(data=data))
    except (UnsupportedTypeException, AttributeError, TypeError, ValueError):  # what it cannot write, or read again
        return lifted
    if not all(name.partition(".")[0] in KNOWN for name in names):
        return lifted
    return evolve(lifted, model=data, file="model.skops", trusted=names, modules=lifted.modules | {"skops", "sklearn"})

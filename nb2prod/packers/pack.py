"""Pack: the process that has a notebook's values, and writes the files of a service made of them.

It runs apart from ours because the values are the user's: loading them runs the user's code.
`python -m nb2prod.packers.pack ORDER RESULT` reads an `Order`, writes a `Packed` or the refusal, and says `baseline` on
its standard output when the model is measured. Where a Bento is wanted, BentoML has built it by then.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nb2prod import pipeline
from nb2prod.bundle import bento
from nb2prod.errors.base import Nb2ProdError
from nb2prod.errors.models import ModelMissing
from nb2prod.packers import function, model, product
from nb2prod.packers.order import Order, Packed, Packer
from nb2prod.packers.restored import entered

# The first that finds something of its kind packs it.
PACKERS: tuple[Packer, ...] = (function.pack, product.pack, model.pack)


def pack(order: Order, measured: Callable[[], None]) -> Packed:
    """Write the service of what a notebook offers, and say when it is `measured`.

    Raises:
        ShipError: It may not be packed, or there is nothing to pack.
    """
    lines = pipeline.build(order.notebook)
    for packer in PACKERS:
        if (found := packer(order, lines, entered(), measured)) is not None:
            return found
    raise ModelMissing(None, lines.stages[-1].code_cells[-1].index)


def main() -> None:
    """Read an order, pack, and write the result whole."""
    order: Order = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301  our own file, written a moment ago
    # What the user's code prints must not mix with what we say.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    result: Packed | Nb2ProdError
    measured = partial(print, "baseline", file=channel, flush=True)
    try:
        if order.archive is None:
            result = pack(order, measured)
        else:
            with bento.builder(Path(order.bentos)) as builder:
                result = pack(order, measured)
                builder.build(Path(order.folder), version=result.version, archive=Path(order.archive))
    except Nb2ProdError as refused:
        result = refused
    temporary = Path(sys.argv[2] + ".tmp")
    temporary.write_bytes(pickle.dumps(result))
    temporary.replace(sys.argv[2])


if __name__ == "__main__":
    from nb2prod.packers.pack import main as own  # under its own name: what it pickles must be found again

    own()

"""Wrapped: the files of a service written, and what is said of those of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nb2prod.bundle import bento, pins, sbom
from nb2prod.packers.order import Order, Packed
from nb2prod.pipeline import Pipeline
from nb2prod.risk import leaks, security, sheet


def wrap(order: Order, lines: Pipeline, parts: bento.Parts, **own: Any) -> Packed:
    """Write the files of a service; `own` is what its kind says of itself.

    Raises:
        SecretFound: They hold a secret.
    """
    made = bento.contents(parts)
    leaked = leaks.guard({p: data for p, data in made.items() if not p.startswith(bento.RUNTIME)}, lines, order.rules)
    bento.write(made, Path(order.folder))
    environment = (*parts.pins.direct, *parts.pins.indirect)
    licences = sbom.licences(environment)
    return Packed(
        kind=parts.schema["kind"],
        name=parts.name,
        version=bento.version(made),
        licences=licences,
        size=sheet.size(sum(map(len, made.values())), pins.installed_bytes(environment)),
        security=security.findings(made, leaked, licences),
        environment=environment,
        **own,
    )

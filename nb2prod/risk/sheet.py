"""Risk: what is known of a release before anybody depends on it: how fast, how large, how dear, how safe, how good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from nb2prod.policy import Rules, Verdict
from nb2prod.releases.release import Release

Json = Mapping[str, Any]

SCHEMA = 1
BASE = 125_000_000  # bytes of python:3.x-slim, unpacked
HOURS = 730  # of a month
# What a rehearsal measures, in the order in which people ask for it.
SPEED = ("cold_start_seconds", "p50_ms", "p95_ms", "p99_ms", "requests_per_second", "cpu_ms", "memory_mb")


@frozen(kw_only=True)
class Size:
    """Bytes of a service and of the image it makes."""

    service: int
    packages: int  # what it imports, installed and compiled
    image: int
    exact: bool = False  # else an estimate: nobody built the image yet


@frozen(kw_only=True)
class Cost:
    """Money, where the policy has a price."""

    price_per_cpu_hour: float | None
    currency: str
    per_million: float | None  # predictions of one row, at the CPU time that they take
    month: float | None  # of one replica on one core, whether it is asked or not


@frozen(kw_only=True)
class Sheet:
    """All of it, on one page."""

    release: str
    notebook: str
    created: str
    bento: str
    model: Json
    speed: Json
    equal: Json  # rows that the service answers as the notebook does
    size: Size
    cost: Cost
    security: Sequence[Verdict]
    verify: Json | None  # staged against straight; None where it was not asked for
    metrics: Json
    intervals: Json
    baseline: Json
    better_by: tuple[float, float] | None  # interval of the difference to the baseline, on the metric that counts
    gate: Json
    schema: int = SCHEMA


@frozen(kw_only=True)
class Known:
    """What a release does not hold itself."""

    size: Size
    security: Sequence[Verdict] = ()
    verify: Json | None = None
    better_by: tuple[float, float] | None = None


def size(service: int, packages: int) -> Size:
    """Estimate the image of a service."""
    return Size(service=service, packages=packages, image=BASE + packages + service)


def cost(rules: Rules, cpu_ms: float | None) -> Cost:
    """Say what predictions cost, at a policy's price."""
    price = rules.price_per_cpu_hour
    spent = None if price is None or cpu_ms is None else cpu_ms / 1000 * 1e6 / 3600 * price
    return Cost(
        price_per_cpu_hour=price,
        currency=rules.currency,
        per_million=spent and round(spent, 4),
        month=None if price is None else round(price * HOURS, 2),
    )


def sheet(made: Release, rules: Rules, known: Known) -> Sheet:
    """Gather what is known of a release."""
    tried = made.rehearsal
    return Sheet(
        release=made.id,
        notebook=made.notebook,
        created=made.created,
        bento=made.bento,
        model=made.model,
        speed={name: tried[name] for name in SPEED if name in tried},
        equal={name: tried.get(name) for name in ("rows", "hostile", "equal", "of")},
        size=known.size,
        cost=cost(rules, tried.get("cpu_ms")),
        security=known.security,
        verify=known.verify,
        metrics=made.metrics,
        intervals=made.intervals,
        baseline=made.baseline,
        better_by=known.better_by,
        gate=made.gate,
    )


def bounded(known: Size, price: Cost) -> dict[str, float]:
    """Return what a policy may bound of it, besides metrics and what a rehearsal measures."""
    found = {"image_mb": known.image / 1e6, "cost_per_million": price.per_million}
    return {name: value for name, value in found.items() if value is not None}

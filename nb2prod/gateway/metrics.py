"""Metrics: what Prometheus is told of a gateway, beside what the live release says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from nb2prod.gateway.mirror import Mirror
from nb2prod.gateway.upstream import Upstream

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
PREFIX = "nb2prod_gateway"


@define(eq=False)
class Metrics:
    """Counters of all requests since the gateway began, by release and role."""

    registry: CollectorRegistry = field(factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)

    def __attrs_post_init__(self) -> None:
        names, about = ("release", "role"), self.registry
        self.requests = Counter(f"{PREFIX}_requests", "Requests by status", [*names, "status"], registry=about)
        self.seconds = Histogram(
            f"{PREFIX}_request_seconds", "Seconds until answered", names, buckets=BUCKETS, registry=about
        )

    def add(self, release: str, role: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(release, role, str(status)).inc()
        self.seconds.labels(release, role).observe(seconds)

    def text(self, upstreams: Iterable[Upstream], roles: Mapping[str, str], mirror: Mirror | None) -> bytes:
        """Write all of it as Prometheus reads it."""
        now = CollectorRegistry()
        now.register(_Now(list(upstreams), roles, mirror))
        return generate_latest(self.registry) + generate_latest(now)


@define(eq=False)
class _Now:
    """What is not counted but looked at."""

    upstreams: list[Upstream]
    roles: Mapping[str, str]
    mirror: Mirror | None

    def collect(self) -> Iterator[Metric]:
        """Yield it, as `prometheus_client` asks for it."""
        up = GaugeMetricFamily(f"{PREFIX}_in_flight", "Requests in flight", labels=["release", "role"])
        born = CounterMetricFamily(f"{PREFIX}_restarts", "Starts of a backend that had died", labels=["release"])
        for one in self.upstreams:
            up.add_metric([one.release, self.roles.get(one.release, "standby")], one.busy)
            born.add_metric([one.release], one.restarts)
        yield from (up, born)
        if self.mirror is not None:
            seen = CounterMetricFamily(f"{PREFIX}_shadow", "Copied requests by outcome", labels=["release", "outcome"])
            gap = GaugeMetricFamily(f"{PREFIX}_shadow_gap", "Largest difference of numbers", labels=["release"])
            said = self.mirror.json()
            for name in ("same", "different", "failed", "dropped"):
                seen.add_metric([self.mirror.upstream.release, name], said[name])
            gap.add_metric([self.mirror.upstream.release], self.mirror.gap)
            yield from (seen, gap)

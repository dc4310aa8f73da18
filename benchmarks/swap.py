"""Swap: a steady load on a deployment while its releases take each other's place; no request may fail or be wrong.

    python benchmarks/swap.py [--minutes 10] [--rate 150] [--connections 8]

Two releases of the churn notebook that answer differently are promoted in turn, five times, and rolled back twice, by
the commands that a user would type, while clients keep their connections open and ask. An answer is right when it is
what the release named in its header says when it is asked directly, to the byte. What was live is ended soon after
(NB2PROD_STANDBY), so that releases are started, drained and ended all the time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from nb2prod import api, settings
from nb2prod.api import Options
from nb2prod.hosting import process
from nb2prod.releases import release

CHURN = Path(__file__).parents[1] / "examples" / "churn"
STEPS = ("promote", "promote", "rollback", "promote", "promote", "rollback", "promote")
STANDBY = 5.0  # seconds that what was live stays started


@frozen(kw_only=True)
class Step:
    """One change, and how long the command took."""

    verb: str
    at: float
    seconds: float
    live: str


@define
class Seen:
    """What became of the requests."""

    times: list[tuple[float, float]] = field(factory=list)  # when it was sent, and seconds until it was answered
    wrong: Counter[str] = field(factory=Counter)  # what was wrong with an answer, or why there was none
    releases: Counter[str] = field(factory=Counter)
    connections: int = 0

    def quantiles(self) -> dict[str, float]:
        """Return milliseconds."""
        times = sorted(seconds for _, seconds in self.times)
        return {name: round(times[int(q * (len(times) - 1))] * 1000, 1) for name, q in _QUANTILES.items()}


_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


@define
class Client:
    """Asks over one connection at a steady pace, and holds every answer against what is right."""

    port: int
    pause: float
    bodies: Sequence[bytes]
    right: dict[tuple[str, int], bytes]
    seen: Seen
    lock: threading.Lock
    over: threading.Event

    def run(self) -> None:
        """Ask until it is over."""
        connection: http.client.HTTPConnection | None = None
        due = time.perf_counter()
        for number in cycle(range(len(self.bodies))):
            due += self.pause
            if self.over.wait(max(0.0, due - time.perf_counter())):
                break
            begun = time.perf_counter()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(process.HOST, self.port, timeout=60)
                    connection.connect()
                    with self.lock:
                        self.seen.connections += 1
                wrong, name = self._once(connection, number)
            except (OSError, http.client.HTTPException) as failure:
                wrong, name, connection = repr(failure), "", None
            with self.lock:
                self.seen.times.append((begun, time.perf_counter() - begun))
                self.seen.releases[name] += 1
                if wrong:
                    self.seen.wrong[wrong] += 1
        if connection is not None:
            connection.close()

    def _once(self, connection: http.client.HTTPConnection, number: int) -> tuple[str, str]:
        connection.request("POST", "/predict", self.bodies[number], {"content-type": "application/json"})
        reply = connection.getresponse()
        said, name = reply.read(), reply.getheader("X-Release") or ""
        if reply.status != 200:
            return f"status {reply.status}: {said[:100]!r}", name
        return "" if self.right.get((name, number)) == said else f"another answer than {name}'s", name


def rows(example: dict[str, Any], count: int = 50) -> list[dict[str, Any]]:
    """Make rows of one: its numbers with a point vary."""
    return [
        {key: value * (0.5 + n / count) if isinstance(value, float) else value for key, value in example.items()}
        for n in range(count)
    ]


def soak(  # what a soak is of
    home: Path, names: Sequence[str], *, seconds: float, rate: float, connections: int = 8
) -> tuple[Seen, list[Step]]:
    """Load a deployment for so many seconds while two releases take each other's place."""
    bodies = [json.dumps({"rows": [row]}).encode() for row in rows(release.example(home, names[0]))]
    right: dict[tuple[str, int], bytes] = {}
    for name in (names[1], names[0]):
        found = api.promote(home, name, note="first")
        backend = found["releases"][name]["backend"]
        right |= {(name, number): _direct(backend, body) for number, body in enumerate(bodies)}
    seen, lock, over = Seen(), threading.Lock(), threading.Event()
    clients = [Client(found["port"], connections / rate, bodies, right, seen, lock, over) for _ in range(connections)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        steps = list(_changes(home, names, seconds))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return seen, steps


def _changes(home: Path, names: Sequence[str], seconds: float) -> Iterator[Step]:
    begun, live = time.perf_counter(), names[0]
    for number, verb in enumerate(STEPS, 1):
        time.sleep(max(0.0, begun + seconds * number / (len(STEPS) + 1) - time.perf_counter()))
        at = time.perf_counter()
        other = next(name for name in names if name != live)
        subject = live if verb == "rollback" else other  # a rollback may name any release of the notebook
        command = [sys.executable, "-m", "nb2prod", verb, subject, "--folder", str(home.parent), "--format", "json"]
        done = subprocess.run([*command, "--note", f"step {number}"], capture_output=True, text=True, check=True)
        live = json.loads(done.stdout)["live"]
        yield Step(verb=verb, at=at, seconds=time.perf_counter() - at, live=live)
    time.sleep(max(0.0, begun + seconds - time.perf_counter()))


def _direct(url: str, body: bytes) -> bytes:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/predict", body, {"content-type": "application/json"})
    reply = connection.getresponse()
    said = reply.read()
    connection.close()
    assert reply.status == 200, said
    return said


def report(seen: Seen, steps: Sequence[Step], seconds: float) -> str:
    """Write it for people."""
    during = [
        took for begun, took in seen.times if any(one.at <= begun <= one.at + one.seconds + STANDBY for one in steps)
    ]
    lines = [
        f"{len(seen.times)} requests in {seconds:.0f} s ({len(seen.times) / seconds:.0f}/s) over "
        f"{seen.connections} connections, {len(steps)} changes",
        f"failed or wrong: {seen.wrong.total()}",
        *(f"  {count} x {why}" for why, count in seen.wrong.most_common(5)),
        "ms: " + ", ".join(f"{name} {value}" for name, value in seen.quantiles().items()),
        f"slowest while releases changed: {max(during, default=0) * 1000:.1f} ms of {len(during)} requests",
        *(f"  {one.verb:9} {one.seconds:5.1f} s  live: {one.live}" for one in steps),
        *(f"  {name or 'nobody'} answered {count}" for name, count in sorted(seen.releases.items())),
    ]
    return "\n".join(lines)


def main() -> None:
    """Ship the churn notebook twice, and soak it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=150.0, help="requests a second")
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for file in CHURN.iterdir():
            if file.is_file():
                shutil.copy(file, place)
        os.environ |= {"BENTOML_HOME": f"{place}/bentoml", "NB2PROD_STANDBY": str(STANDBY)}
        path = Path(place) / "churn.ipynb"
        home = settings.home_of(path)
        made = [api.ship(path, Options(parameters={"max_iter": n}, verify=False)) for n in (60, 100)]
        try:
            seconds = given.minutes * 60
            seen, steps = soak(
                home, [one["release"] for one in made], seconds=seconds, rate=given.rate, connections=given.connections
            )
            print(report(seen, steps, seconds))
        finally:
            api.retire(home, "churn.ipynb")
    sys.exit(1 if seen.wrong else 0)


if __name__ == "__main__":
    main()

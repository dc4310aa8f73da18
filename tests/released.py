"""A release as tests speak of one."""

from __future__ import annotations

from attrs import asdict

from nb2prod.policy import Verdict
from nb2prod.releases.release import Release

TRIED = {
    "rows": 500,
    "equal": True,
    "hostile": 224,
    "cold_start_seconds": 2.9,
    "p50_ms": 0.55,
    "p95_ms": 0.64,
    "p99_ms": 0.73,
    "requests_per_second": 3538.0,
    "cpu_ms": 0.36,
    "memory_mb": 318.0,
}
MADE = Release(
    id="churn-20261122-001500-ab12cd",
    run="20261122-001500-ab12cd",
    notebook="<b>Kündigung</b>: #1.ipynb",
    created="2026-11-22T00:15:00+00:00",
    code="00",
    data={},
    python="3.11.7",
    environment=(),
    parameters={},
    model={"name": "model", "class": "LogisticRegression", "rows": {"train": 4, "held_out": 2}},
    metrics={"accuracy": 0.9, "lift": 2.0},
    intervals={"accuracy": (0.8, 1.0)},
    baseline={"name": "most frequent class", "metrics": {"accuracy": 0.8}},
    gate={"ok": True, "verdicts": [asdict(Verdict(rule="p99_ms at most 1", ok=True, detail="0.73"))]},
    rehearsal=TRIED,
    bento="churn:ab12cd34ab12cd34",
    archive="churn.bento",
    archive_sha256="22",
)

"""The risk sheet keeps nobody out: no barrier that axe-core finds, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from attrs import asdict
from playwright.sync_api import Browser

from nb2prod.policy import Rules, Verdict
from nb2prod.releases.release import Release
from nb2prod.risk import page as risk_page
from nb2prod.risk import sheet

from .conftest import AXE

pytestmark = pytest.mark.lab

VERDICTS = [
    Verdict(rule="p99_ms at most 1", ok=True, detail="0.73"),
    Verdict(rule="accuracy at least 0.99", ok=False, detail="0.9"),
    Verdict(rule="beats baseline", ok=False, detail="0.9 < 0.95", severity="warning"),
    Verdict(rule="f1 at least 0.9", ok=False, detail="0.8", waived="a pilot"),
]
MADE = Release(
    id="churn-20261122-001500-ab12cd",
    run="20261122-001500-ab12cd",
    notebook="churn.ipynb",
    created="2026-11-22T00:15:00+00:00",
    code="00",
    data={},
    python="3.11.7",
    environment=(),
    parameters={},
    model={},
    metrics={"accuracy": 0.9},
    intervals={"accuracy": (0.8, 1.0)},
    baseline={"name": "most frequent class", "metrics": {"accuracy": 0.8}},
    gate={"ok": False, "verdicts": [asdict(item) for item in VERDICTS]},
    rehearsal={"rows": 500, "equal": True, "hostile": 2, "cold_start_seconds": 2.9, "p99_ms": 0.73, "cpu_ms": 0.4},
    bento="churn:ab12",
    archive="churn.bento",
    archive_sha256="22",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(chromium: Browser, tmp_path: Path, scheme: Literal["light", "dark"]) -> None:
    known = sheet.Known(size=sheet.size(1, 2), security=VERDICTS, better_by=(0.1, 0.2))
    risk_page.write(tmp_path, sheet.sheet(MADE, Rules(price_per_cpu_hour=0.04), known))
    page = chromium.new_page(color_scheme=scheme, bypass_csp=True)
    page.goto((tmp_path / "risk.html").as_uri())
    page.evaluate(AXE.read_text(encoding="utf-8"))
    barriers = page.evaluate("async () => (await axe.run()).violations.map(v => v.id + ': ' + v.nodes[0].html)")
    title = page.title()
    page.close()

    assert barriers == []
    assert title == f"Risk sheet: {MADE.id}"

"""The risk sheet keeps nobody out: no barrier that axe-core finds, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import released
from attrs import asdict, evolve
from playwright.sync_api import Browser

from nb2prod.policy import Rules, Verdict
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
MADE = evolve(released.MADE, gate={"ok": False, "verdicts": [asdict(item) for item in VERDICTS]})


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

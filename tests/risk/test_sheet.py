"""A risk sheet says what was measured, what it costs, and what could be misused."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve
from released import MADE, TRIED

from nb2prod.bundle import pins
from nb2prod.errors.ships import PolicyWrong
from nb2prod.policy import Rules, bounded, rules
from nb2prod.releases.release import Release
from nb2prod.risk import page as risk_page
from nb2prod.risk import security
from nb2prod.risk import sheet as risk
from nb2prod.risk.leaks import leaks

PRICED = Rules(price_per_cpu_hour=0.04, currency="CHF")


def sheet(made: Release = MADE, **known: Any) -> risk.Sheet:
    return risk.sheet(made, PRICED, risk.Known(**{"size": risk.size(1_000_000, 400_000_000), **known}))


def test_the_numbers_are_those_of_the_rehearsal() -> None:
    found = sheet()

    assert {**found.speed, **found.equal} == {**TRIED, "of": None}
    assert "0.73 ms" in risk_page.render(asdict(found))


def test_a_million_predictions_cost_their_cpu_time() -> None:
    found = risk.cost(PRICED, 0.36)  # 360 s of a million: a tenth of an hour

    assert (found.per_million, found.month) == (pytest.approx(0.004), pytest.approx(29.2))
    assert risk.cost(Rules(), 0.36).per_million is None


def test_an_image_holds_base_packages_and_service() -> None:
    assert risk.size(1, 2) == risk.Size(service=1, packages=2, image=risk.BASE + 3, exact=False)


def test_size_and_cost_can_be_bounded_by_the_policy() -> None:
    known = risk.bounded(risk.size(0, 400_000_000), risk.cost(PRICED, 0.36))
    ruled = rules({"at_most": {"image_mb": 500, "cost_per_million": 0.001}})

    assert [verdict.ok for verdict in bounded(ruled, known)] == [False, False]


def test_a_price_is_a_number() -> None:
    with pytest.raises(PolicyWrong, match="price_per_cpu_hour"):
        rules({"price_per_cpu_hour": "4 cents"})


def test_the_page_escapes_what_it_is_told_and_loads_nothing() -> None:
    page = risk_page.render(asdict(sheet()))

    assert "&lt;b&gt;Kündigung&lt;/b&gt;" in page
    assert [part for part in ("http://", "https://", "<script", "src=") if part in page] == []


def test_what_was_not_compared_is_said_to_be_so() -> None:
    page = risk_page.render(asdict(sheet()))

    assert "not held against straight" in page
    assert "no better than its baseline" in risk_page.render(asdict(sheet(better_by=(-0.1, 0.2))))


def test_a_sheet_needs_no_model_and_no_old_rehearsals_numbers(tmp_path: Path) -> None:
    bare = evolve(MADE, metrics={}, intervals={}, baseline={}, gate={"ok": True, "verdicts": []}, rehearsal={})
    risk_page.write(tmp_path, sheet(bare))

    assert json.loads((tmp_path / "risk.json").read_text(encoding="utf-8"))["speed"] == {}
    assert "Nothing was measured" in (tmp_path / "risk.html").read_text(encoding="utf-8")


def test_a_release_of_an_older_version_has_no_sheet(tmp_path: Path) -> None:
    assert (risk_page.where(tmp_path), risk_page.read(tmp_path)) == (None, None)


class Tampered:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


def test_a_pickle_that_calls_the_system_is_found_without_loading_it() -> None:
    made = {"model.pkl": pickle.dumps(Tampered()), "values.pkl": pickle.dumps({1: complex(1)})}
    first, second = security.findings(made, (), {})[:2]

    assert (first.ok, "system" in first.detail) == (False, True)
    assert second.ok


def test_secrets_that_the_policy_lets_pass_are_still_told() -> None:
    made = {"service.py": b"key = 'AKIAABCDEFGHIJKLMNOP'"}
    found = {item.rule: item for item in security.findings(made, leaks(made), {})}

    assert not found["no secrets in the package"].ok
    assert "service.py" in found["no secrets in the package"].detail
    assert "AKIA" not in found["no secrets in the package"].detail


def test_licences_that_bind_or_are_not_known_are_told() -> None:
    said = {"a": "AGPL-3.0-only", "b": "LGPL-2.1", "c": "MIT", "d": "unknown", "e": "GNU General Public License v3"}
    bad = {item.rule: item.detail for item in security.findings({}, (), said) if not item.ok}

    assert [*bad.values()] == ["a (AGPL-3.0-only), e (GNU General Public License v3)", "d"]


def test_installed_packages_are_weighed_with_their_bytecode() -> None:
    assert 1e5 < pins.installed_bytes(["attrs==1"]) < 3e6

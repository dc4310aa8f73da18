"""A project's policy is read as it is written, or refused by name."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nb2prod import settings
from nb2prod.errors.base import SettingWrong
from nb2prod.errors.ships import PolicyWrong
from nb2prod.evaluate import Comparison, Rival
from nb2prod.policy import Rules, Verdict, beats, bounded, gate, kept, licensed, named, rules

TODAY = date(2026, 11, 22)


def test_a_policy_is_read_from_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.nb2prod.policy]\nunknown = "refuse"\n', encoding="utf-8")

    assert rules(settings.policy_of(tmp_path / "book.ipynb")) == Rules(unknown="refuse", ranges="pass")
    assert rules({}) == Rules()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"unknwon": "refuse"}, "The policy's 'unknwon' is not one of the rules: unknown, ranges, secrets"),
        ({"unknown": "maybe"}, "The policy's 'unknown' must be one of: refuse, warn, pass"),
        ({"waivers": ["all"]}, "The policy's 'waivers' must be a table of names and values"),
        ({"ranges": ["pass"]}, "The policy's 'ranges' must be one of: refuse, pass"),
        ({"at_least": {"r2": "0.9"}}, "The policy's 'at_least' must be a table of names and numbers"),
        ({"at_most": {"r2": True}}, "The policy's 'at_most' must be a table of names and numbers"),
        ({"alerts": {"p95_ms": float("nan")}}, "The policy's 'alerts' must be a table of names and numbers"),
        ({"forbidden_licences": "MIT"}, "The policy's 'forbidden_licences' must be a list of texts"),
        ({"trusted_keys": "ed25519:a"}, "The policy's 'trusted_keys' must be a list of texts"),
        ({"price_per_cpu_hour": -1}, "The policy's 'price_per_cpu_hour' must be a number, 0 or more"),
        ({"severities": {"licences are allowed": "fatal"}}, "The policy's 'severities' must be a table of rules"),
        ({"waivers": {"a": " "}}, "The policy's 'waivers.a.reason' must say why the rule may be broken"),
        ({"waivers": {"a": 5}}, "The policy's 'waivers.a.reason' must say why"),
        ({"waivers": {"a": {"until": "soon", "reason": "b"}}}, "The policy's 'waivers.a.until' must be a day"),
        ({"waivers": {"a": {"why": "b"}}}, "The policy's 'waivers.a.why' is not one of the rules: reason, until, by"),
    ],
)
def test_a_rule_that_is_not_known_is_named(table: dict[str, str], said: str) -> None:
    with pytest.raises(PolicyWrong, match=f"NB414: {said}"):
        rules(table)


@pytest.mark.parametrize("text", ["x = [", '[tool.nb2prod]\npolicy = "strict"\n'])
def test_a_project_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")

    with pytest.raises(SettingWrong, match="NB121"):
        settings.policy_of(tmp_path / "book.ipynb")


def test_a_severity_may_be_spelt_as_people_do() -> None:
    assert rules({"baseline": "warn"}).baseline == "warning"


def test_bounds_hold_for_metrics_and_for_what_a_rehearsal_measures() -> None:
    found = list(
        bounded(
            Rules(at_least={"accuracy": 0.9, "recall": 0.5}, at_most={"p95_ms": 20}), {"accuracy": 0.95, "p95_ms": 31}
        )
    )

    assert [(v.rule, v.ok) for v in found] == [
        ("accuracy at least 0.9", True),
        ("recall at least 0.5", False),
        ("p95_ms at most 20", False),
    ]
    assert found[1].detail == "it was not measured; known are accuracy, p95_ms"


def test_a_broken_rule_stops_a_ship_unless_it_is_waived_with_a_reason() -> None:
    broken = Verdict(rule="p95_ms at most 20", ok=False, detail="31")

    waived = gate(rules({"waivers": {"p95_ms at most 20": "a pilot of ten users"}}), [broken], TODAY)

    assert not gate(Rules(), [broken], TODAY).ok
    assert (waived.ok, waived.verdicts[0].waived) == (True, "a pilot of ten users")


@pytest.mark.parametrize(("until", "ok"), [(TODAY, True), ("2027-01-01", True), (date(2026, 11, 21), False)])
def test_a_waiver_ends_after_its_last_day(until: Any, ok: bool) -> None:
    broken = Verdict(rule="p95_ms at most 20", ok=False, detail="31")
    policy = rules({"waivers": {"p95_ms at most 20": {"reason": "a pilot", "until": until, "by": "Ada"}}})
    found = gate(policy, [broken], TODAY)

    assert found.ok is ok
    assert found.verdicts[0].waived == (f"a pilot (until {until}, by Ada)" if ok else None)
    assert ("it was waived until 2026-11-21" in found.verdicts[0].detail) is not ok


def test_each_rule_is_as_grave_as_the_policy_says() -> None:
    broken = [Verdict(rule=name, ok=False, detail="") for name in ("a", "b", "c")]
    found = gate(rules({"severities": {"a": "off", "b": "warn"}}), broken, TODAY)

    assert [(v.rule, v.severity, v.stops) for v in found.verdicts] == [("b", "warning", False), ("c", "error", True)]


def test_a_waiver_of_no_rule_is_told() -> None:
    watched = {"no drift": "a new tariff", "psi at most 0.5": "likewise"}
    policy = rules({"alerts": {"psi": 0.5}, "waivers": {"p95_ms at most 2O": "a pilot", **watched}})
    (told,) = named(policy, [Verdict(rule="p95_ms at most 20", ok=False, detail="31")])

    assert "of none: p95_ms at most 2O; the rules are p95_ms at most 20" in told.detail
    assert list(named(policy, [Verdict(rule="p95_ms at most 2O", ok=True, detail="")])) == []


@pytest.mark.parametrize(("low", "ok"), [(0.02, True), (-0.01, False)])
def test_a_model_beats_its_baseline_by_more_than_noise(low: float, ok: bool) -> None:
    compared = Comparison(intervals={}, metric="accuracy", better_by=(low, 0.1))
    found = beats("classification", {"accuracy": 0.9}, {"accuracy": 0.86}, compared)

    assert found.ok is ok
    assert found.severity == "warning"
    assert ("no more than noise" in found.detail) is not ok


def test_of_too_few_rows_nothing_is_said() -> None:
    compared = Comparison(intervals={}, metric="rmse", better_by=None)

    assert "too few rows to tell" in beats("regression", {"rmse": 1.0}, {"rmse": 2.0}, compared).detail
    assert not kept(Rival(name="release a", metrics={"rmse": 1.0}), "rmse").ok


def test_a_live_release_that_cannot_be_asked_is_no_proof() -> None:
    verdict = kept(Rival(name="release a", origin="release"), "rmse")

    assert (verdict.ok, verdict.detail) == (False, "release a has no answer to these rows")


def test_a_licence_may_be_forbidden_by_a_part_of_its_name() -> None:
    said = {"a": "MIT", "b": "GNU Affero General Public License v3 (AGPLv3)"}

    assert licensed(said, ()).ok
    assert licensed(said, ("agpl",)) == Verdict(
        rule="licences are allowed", ok=False, detail="b: GNU Affero General Public License v3 (AGPLv3)"
    )


def test_options_of_all_stages_stand_beside_the_rules() -> None:
    assert rules({"stage": {"retries": 2}, "baseline": "off"}).baseline == "off"

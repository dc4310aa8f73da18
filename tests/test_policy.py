"""A project's policy is read as it is written, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod import settings
from nb2prod.errors.ships import PolicyWrong
from nb2prod.evaluate import Comparison, Rival
from nb2prod.policy import Rules, Verdict, beats, bounded, gate, kept, licensed, rules


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
    ],
)
def test_a_rule_that_is_not_known_is_named(table: dict[str, str], said: str) -> None:
    with pytest.raises(PolicyWrong, match=f"NB414: {said}"):
        rules(table)


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

    assert not gate(Rules(), [broken]).ok
    assert gate(Rules(waivers={"p95_ms at most 20": "a pilot of ten users"}), [broken]).ok
    assert gate(Rules(waivers={"p95_ms at most 20": "a pilot"}), [broken]).verdicts[0].waived == "a pilot"


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

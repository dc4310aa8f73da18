"""A project's policy is read as it is written, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod import settings
from nb2prod.policy import Rules, rules
from nb2prod.refusals import PolicyWrong


def test_a_policy_is_read_from_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.nb2prod.policy]\nunknown = "refuse"\n', encoding="utf-8")

    assert rules(settings.policy_of(tmp_path / "book.ipynb")) == Rules(unknown="refuse", ranges="pass")
    assert rules({}) == Rules()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"unknwon": "refuse"}, "The policy's 'unknwon' is not one of the rules: unknown, ranges, secrets"),
        ({"unknown": "maybe"}, "The policy's 'unknown' must be one of: refuse, warn, pass"),
        ({"ranges": ["pass"]}, "The policy's 'ranges' must be one of: refuse, pass"),
    ],
)
def test_a_rule_that_is_not_known_is_named(table: dict[str, str], said: str) -> None:
    with pytest.raises(PolicyWrong, match=f"NB414: {said}"):
        rules(table)

"""Settings: what may be configured, read once at the edge and passed whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from nb2prod.errors.base import SettingWrong


@frozen(kw_only=True)
class Settings:
    """Where things are kept and how stages run. Flag > `NB2PROD_*` > `[tool.nb2prod]` > these defaults."""

    home: Path  # folder of runs, releases and the default store
    store: str = "local"
    runner: str = "auto"  # a fork where the kernel is this Python, else a kernel
    kernel: str | None = None  # overrides the notebook's own
    preload: tuple[str, ...] = ()  # packages that may be imported once for all stages, besides those known to be fit
    jobs: int | None = None  # stages at once; as many as there are cores when None
    cluster: str | None = None  # address of the scheduler, for a runner that has one
    defaults: Mapping[str, Any] = field(factory=dict)  # options of stages that do not say otherwise


def read(notebook: Path, **flags: str | int | None) -> Settings:
    """Return the settings for a notebook: flags that are None are taken from the environment or pyproject.toml."""
    project, table = _project(notebook)
    home = (project or notebook.resolve().parent) / ".nb2prod"
    found: dict[str, Any] = {}
    for name in ("store", "runner", "kernel", "jobs", "cluster"):
        value = flags.get(name) or os.environ.get(f"NB2PROD_{name.upper()}") or table.get(name)
        if value is not None:
            found[name] = _jobs(value) if name == "jobs" else value
    policy = table.get("policy")
    defaults = policy.get("stage", {}) if isinstance(policy, dict) else {}
    defaults = defaults if isinstance(defaults, dict) else {}
    preload = os.environ.get("NB2PROD_PRELOAD") or table.get("preload") or ()
    preload = tuple(preload.split(",") if isinstance(preload, str) else preload)
    return Settings(home=home, preload=preload, defaults=defaults, **found)


def _jobs(value: str | int) -> int:
    try:
        if int(value) > 0:
            return int(value)
    except (TypeError, ValueError):
        pass
    raise SettingWrong("jobs", str(value), "a whole number, 1 or more: how many stages run at once")


def home_of(notebook: Path) -> Path:
    """Return the folder of a notebook's records, `.nb2prod`, without making it."""
    project, _ = _project(notebook)
    return (project or notebook.resolve().parent) / ".nb2prod"


def policy_of(notebook: Path) -> dict[str, Any]:
    """Return the policy of a notebook's project, `[tool.nb2prod.policy]`, as it is written."""
    found = _project(notebook)[1].get("policy", {})
    if not isinstance(found, dict):
        raise SettingWrong("policy", str(found), "a table: [tool.nb2prod.policy]")
    return found


def bounded(notebook: Path) -> frozenset[str]:
    """Return the names that a project's policy bounds, some of which the notebook may bind."""
    tables = [policy_of(notebook).get(key) for key in ("at_least", "at_most")]
    # `by_month.rows` is of a product's table, and no name that a cell could bind.
    return frozenset(name for table in tables if isinstance(table, dict) for name in table if name.isidentifier())


def _project(notebook: Path) -> tuple[Path | None, dict[str, Any]]:
    """Find the nearest folder whose pyproject.toml has a `[tool.nb2prod]` table."""
    for folder in notebook.resolve().parents:
        file = folder / "pyproject.toml"
        if file.is_file():
            import tomllib

            try:
                table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("nb2prod")
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
                raise SettingWrong("pyproject.toml", str(file), f"TOML, and this is none: {wrong}") from None
            if isinstance(table, dict):
                return folder, table
    return None, {}

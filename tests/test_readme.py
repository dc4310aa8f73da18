"""README shows every command, and what it shows is what one gets."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from nb2prod.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Those that run nothing, so that their output is the same everywhere.
STILL = re.findall(r"```console\n\$ nb2prod ((?:graph|check)[^\n]*)\n(.*?)```", README, re.DOTALL)


def test_every_command_is_shown_and_no_other() -> None:
    shown = set(re.findall(r"nb2prod ([a-z]+) ", " ".join(re.findall(r"`(nb2prod [^`]*)`", README)) + " "))

    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}

    assert {name for name, command in found.items() if command is not None and not command.hidden} == shown


def test_every_option_of_a_stage_is_shown() -> None:
    from nb2prod.stage import OPTIONS

    assert set(OPTIONS) == {name for name in OPTIONS if f"--{name}" in README or f"--no-{name}" in README}


@pytest.mark.parametrize(("command", "output"), STILL)
def test_what_is_shown_is_what_one_gets(
    command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "examples" / "churn", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, shlex.split(command))

    assert output == found.stdout


def test_files_that_are_named_are_there() -> None:
    named = {name for name in re.findall(r"\]\(([^):#]+)\)|`(docs/[^`]+)`", README) for name in name if name}

    assert set() == {name for name in named if not (ROOT / name).exists()}

"""What people read in a terminal."""

from __future__ import annotations

import os
from pathlib import Path

from books import parsed
from click.testing import CliRunner
from released import MADE

from nb2prod import api, jobs, schema, settings
from nb2prod.cli.main import main
from nb2prod.errors.ships import PackingEnded
from nb2prod.releases import release
from nb2prod.text import verbs


def test_the_command_that_a_release_names_finds_it_from_here(tmp_path: Path) -> None:
    folder = tmp_path / "my work"
    folder.mkdir()
    home = settings.home_of(folder / "_")
    release.new_folder(home, MADE.id)
    release.write(home, MADE)

    said = CliRunner().invoke(main, ["show", MADE.id, "--folder", str(folder)])

    assert said.exit_code == 0, said.output
    assert f"nb2prod serve {MADE.id} --folder '{folder}'" in said.output


def test_an_error_is_told_with_the_end_of_what_was_said() -> None:
    said = "".join(f"\x1b[31mline {number}\x1b[0m\n" for number in range(20))
    found = verbs.error(schema.error(PackingEnded(1, said)))

    assert found.splitlines()[2:5] == ["    │ … 5 lines above", "    │ line 5", "    │ line 6"]
    assert found.endswith("│ line 19")


def test_a_finding_names_each_way_to_mend_it_and_which_one_the_option_takes() -> None:
    link = "%%stage a\nimport socket\ns = socket.socket()\nx = 1"
    _, found = api.inspect(parsed("%load_ext nb2prod", link, "%%stage b\ns.close()"))
    lines = verbs.findings(found, "test.ipynb").splitlines()

    assert lines[2:] == [
        "    fix: Merge 'b' into 'a' (--fix does it)",
        "    fix: Move to setup (--apply NB108:2:2 does it)",
    ]


def test_a_graph_says_where_its_findings_are_and_what_proposes_stages() -> None:
    tagged, untagged = (schema.graph(*api.inspect(parsed(cell))) for cell in ("%%stage größe\nx = 1", "x = 1"))

    assert "NB104: 'größe' is no name for a stage. (cell 1)" in verbs.graph(tagged).splitlines()
    assert verbs.graph(untagged).splitlines()[1:] == ["No cell has a stage yet: `nb2prod suggest` proposes some."]


def test_a_run_that_ended_before_its_first_word_is_listed(tmp_path: Path) -> None:
    home, run = tmp_path / ".nb2prod", "20260101-000000-abcdef"
    (home / "runs" / run).mkdir(parents=True)
    os.utime(home / "runs" / run, (0, 0))

    assert verbs.history(jobs.history(home)) == f"{run}  ?    lost      ?"

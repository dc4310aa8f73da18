"""The command line: exit codes, JSON, and messages instead of tracebacks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from books import copied, written
from click.testing import CliRunner, Result

from nb2prod.cli.main import main

DECLARED = ("day = ''", {"tags": ["parameters"]})


def nb2prod(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result


@pytest.mark.parametrize("verb", ["plan", "run", "ship", "verify"])
def test_a_parameter_that_is_not_declared_is_wrong_use(tmp_path: Path, verb: str) -> None:
    result = nb2prod(verb, copied("tiny", tmp_path), "-p", "nothing", 1, "--format", "json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "NB206"


@pytest.mark.parametrize("option", ["--until", "--force"])
def test_a_stage_that_is_not_there_is_wrong_use(tmp_path: Path, option: str) -> None:
    result = nb2prod("run", copied("tiny", tmp_path), option, "nope")

    assert result.exit_code == 2
    assert "NB120" in result.stdout


def test_a_notebook_with_errors_is_failed_work(tmp_path: Path) -> None:
    assert nb2prod("run", copied("missing_name", tmp_path)).exit_code == 1


@pytest.mark.parametrize("output", [".", "file/out.ipynb"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path, output: str) -> None:
    (tmp_path / "file").touch()
    path = written(tmp_path, "%load_ext nb2prod", "%%stage a\nopen('ran', 'w').close()")
    result = nb2prod("run", path, "-o", tmp_path / output, "--format", "json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "NB210"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("verb", ["run", "ship", "verify"])
def test_a_file_in_the_place_of_the_records_is_said(tmp_path: Path, verb: str) -> None:
    path = copied("tiny", tmp_path)
    (tmp_path / ".nb2prod").touch()
    result = nb2prod(verb, path)

    assert result.exit_code == 1
    assert "NB304" in result.stderr


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="a folder that nobody may write in, not even root")
def test_a_folder_that_may_not_be_written_is_said_without_a_traceback(tmp_path: Path) -> None:
    result = nb2prod("extract", copied("tiny", tmp_path), "-o", "/sys/extracted")

    assert result.exit_code == 1
    assert result.stderr.startswith("NB311: '/sys/extracted' cannot be used: ")


def test_an_output_in_a_folder_that_is_not_there_is_wrong_use_before_anything_is_done(tmp_path: Path) -> None:
    result = nb2prod("suggest", copied("tiny", tmp_path), "-o", tmp_path / "nowhere" / "tagged.ipynb")

    assert result.exit_code == 2
    assert f"There is no folder '{tmp_path / 'nowhere'}'" in result.stderr


def test_extract_replaces_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    path = copied("tiny", tmp_path)
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    first, again = (nb2prod("extract", path, "-o", tmp_path / "out") for _ in range(2))
    over = nb2prod("extract", path, "-o", tmp_path)

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert (over.exit_code, over.stderr.partition(":")[0]) == (1, "NB463")
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"


def test_a_graph_of_a_notebook_with_errors_is_drawn_and_failed(tmp_path: Path) -> None:
    result = nb2prod("graph", copied("missing_name", tmp_path), "--format", "json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings"][0]["code"] == "NB103"


def test_what_is_to_stop_is_named_as_elsewhere_when_it_is_unknown(tmp_path: Path) -> None:
    path = copied("tiny", tmp_path)
    told = [nb2prod("stop", name, "--folder", tmp_path).stderr.partition(":")[0] for name in ("nothing", path.name)]

    assert told == ["NB303", "NB431"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-01", "2024-01-01"), ("True", True), ("true", "true"), ("None", None), ("3", 3), ("2.5", 2.5),
        ("[1, 2]", "[1, 2]"), ("", ""),
    ],
)  # fmt: skip
def test_parameters_are_read_as_papermill_reads_them(tmp_path: Path, text: str, value: Any) -> None:
    from papermill.cli import _resolve_type

    path = written(tmp_path, DECLARED, "%%stage a\nx = (")  # stops at the check
    result = nb2prod("run", path, "-p", "day", text, "--format", "json")
    found = json.loads(result.stdout)["parameters"]["day"]

    assert (found, type(found)) == (value, type(value)) == (_resolve_type(text), type(_resolve_type(text)))


def test_parameters_as_json_keep_their_types(tmp_path: Path) -> None:
    path = written(tmp_path, DECLARED, "%%stage a\nx = (")
    result = nb2prod("run", path, "--parameters-json", '{"day": [1, "b"]}', "--format", "json")

    assert json.loads(result.stdout)["parameters"] == {"day": [1, "b"]}
    assert nb2prod("run", path, "--parameters-json", "[1]").exit_code == 2


def test_extract_lists_its_files_as_json(tmp_path: Path) -> None:
    result = nb2prod("extract", copied("tiny", tmp_path), "-o", tmp_path / "out", "--format", "json")

    assert result.exit_code == 0
    assert str(tmp_path / "out" / "pyproject.toml") in json.loads(result.stdout)["files"]


@pytest.mark.kernel
def test_extract_tests_for_the_classes_that_the_last_run_left(tmp_path: Path) -> None:
    path = written(tmp_path, "%load_ext nb2prod", "%%stage a\nx = {1: 2}", "%%stage b\ny = len(x)\nprint(y)")
    before = nb2prod("extract", path, "-o", tmp_path / "before")
    assert nb2prod("run", path).exit_code == 0
    after = nb2prod("extract", path, "-o", tmp_path / "after")

    assert (before.exit_code, after.exit_code) == (0, 0)
    assert not _tests_for_dict(tmp_path / "before")
    assert _tests_for_dict(tmp_path / "after")


def _tests_for_dict(folder: Path) -> bool:
    return any("dict" in path.read_text(encoding="utf-8") for path in folder.rglob("test_*.py"))


UNTAGGED = ("import json", "## Load", "text = open('x').read()\nrows = json.load(text)", "## Train", "model.fit(rows)")


def test_stages_are_proposed_and_taken_over_in_place_with_nothing_else_changed(tmp_path: Path) -> None:
    path = written(tmp_path, *UNTAGGED)
    raw = json.loads(path.read_text())
    for cell in raw["cells"]:
        cell["metadata"]["kept"] = "ö"
        cell["source"] = cell["source"].splitlines(keepends=True)
    path.write_text(json.dumps(raw, indent=4, sort_keys=True))
    path.chmod(0o640)
    before = path.read_text()
    proposed = nb2prod("suggest", path, "--apply", "--format", "json")
    after = json.loads(path.read_text())
    first = json.loads(proposed.stdout)["stages"][0]
    tags = [cell["metadata"].pop("nb2prod", None) for cell in after["cells"]]

    assert proposed.exit_code == 0
    assert (first["name"], first["cells"], first["cell_ids"]) == ("setup", [0, 1], ["c0", "c1"])
    assert tags == [None, None, {"stage": "load"}, {"stage": "train"}, None]
    assert json.dumps(after, indent=4) == before
    assert "\\u00f6" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    assert "0 cells tagged" in nb2prod("suggest", path, "--apply").stderr


def test_line_ends_of_windows_stay(tmp_path: Path) -> None:
    path = written(tmp_path, *UNTAGGED)
    path.write_bytes((json.dumps(json.loads(path.read_text()), indent=1) + "\n").encode().replace(b"\n", b"\r\n"))
    nb2prod("suggest", path, "--apply")
    after = path.read_bytes()

    assert b"train" in after
    assert after.count(b"\n") == after.count(b"\r\n") > 10


def test_a_copy_is_tagged_by_lines(tmp_path: Path) -> None:
    path = written(tmp_path, *UNTAGGED)
    before = path.read_bytes()
    result = nb2prod("suggest", path, "-o", tmp_path / "copy.ipynb", "--magic")
    made = json.loads((tmp_path / "copy.ipynb").read_text())
    heads = [cell["source"].splitlines()[0] for cell in made["cells"]]

    assert result.stdout.splitlines()[0] == "setup   90%  cells 1, 2"
    assert [head for head in heads if head.startswith("%")] == ["%load_ext nb2prod", "%%stage load", "%%stage train"]
    assert path.read_bytes() == before


def test_a_run_from_a_stage_runs_all_that_depend_on_it_and_nothing_else(tmp_path: Path) -> None:
    cells = ["%%stage a\nx = 1", "%%stage b\ny = x", "%%stage c\nz = 3", "%%stage d\nw = y + z"]
    path = written(tmp_path, *cells)
    found = CliRunner().invoke(main, ["plan", str(path), "--from", "b", "--until", "c", "--format", "json"])
    why = {step["stage"]: step["why"] for step in json.loads(found.output)["steps"]}

    assert why["a"] == "it has not run before"
    assert why["b"] == "the run was asked to begin with it"
    assert why["c"] == "it has not run before"
    assert why["d"] == "it comes after 'c'"


def test_a_number_of_jobs_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["run", str(written(tmp_path, "x = 1")), "--jobs", "many"])

    assert found.exit_code == 2
    assert "NB121: 'many' is no value for 'jobs'." in found.output


def test_what_is_safe_to_mend_is_mended_in_place(tmp_path: Path) -> None:
    path = written(tmp_path, "%%stage Load --nonsense 1\nx = 1", "%%stage b --after Load,gone\nprint(x)", "print(y)")
    result = nb2prod("check", path, "--fix")
    sources = [cell["source"] for cell in json.loads(path.read_text())["cells"]]

    assert sources == ["%load_ext nb2prod", "%%stage load\nx = 1", "%%stage b --after load\nprint(x)", "print(y)"]
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        f"mended {code}" for code in ("NB104", "NB110", "NB113", "NB106")
    ]
    assert result.exit_code == 1
    assert [line for line in result.stdout.splitlines() if "error NB" in line] == [
        "test.ipynb, cell 4, line 1: error NB103: 'y' is read, but nothing above sets it."
    ]


def test_one_fix_is_chosen_by_code_cell_and_way(tmp_path: Path) -> None:
    path = written(tmp_path, "%load_ext nb2prod", "%%stage a\nrows = 1", "print(rws)\nprint(rows)", "print(rowss)")
    several = nb2prod("check", path, "--apply", "NB103")
    unknown = nb2prod("check", path, "--apply", "NB104:1")
    one = nb2prod("check", path, "--apply", "NB103:3")
    sources = [cell["source"] for cell in json.loads(path.read_text())["cells"]]

    assert (several.exit_code, unknown.exit_code) == (2, 2)
    assert "'NB103' means several fixes; there are:\n  NB103:3  Write 'rows' instead of 'rws'" in several.stderr
    assert "'NB104:1' is no fix of what is found; there are:\n  NB103:3" in unknown.stderr
    assert sources[2:] == ["print(rows)\nprint(rows)", "print(rowss)"]
    assert one.stderr == "mended NB103: 'rws' is read, but nothing above sets it. Write 'rows' instead of 'rws'.\n"
    assert "fix: Write 'rows' instead of 'rowss' (--apply NB103:4 does it)" in one.stdout


def test_a_command_that_is_stopped_while_it_is_imported_says_no_more_than_that() -> None:
    code = """
import sys

class Stop:
    def find_spec(self, name, *_):
        if name == "nb2prod.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Stop())
sys.argv = ["nb2prod", "releases"]
from nb2prod.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Stopped.\n")

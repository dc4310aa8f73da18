from __future__ import annotations

import ast
import errno
import pickle
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from attrs import asdict

import nb2prod
from nb2prod.errors.base import Place, SettingWrong, define
from nb2prod.errors.runs import CellFailed, RunError
from nb2prod.errors.stores import mendable


def test_an_error_survives_pickling_with_its_fields() -> None:
    error = CellFailed(Place(cell=1, stage="fit"), "ValueError", "too small", "the traceback")
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is CellFailed
    assert asdict(again) == asdict(error)
    assert str(again) == str(error)


def test_fields_can_be_named_and_shown() -> None:
    error = SettingWrong("jobs", value="none", meaning="a number")

    assert error.meaning == "a number"
    assert "jobs" in str(error)


def test_a_class_below_one_that_nobody_has_raised_has_its_fields() -> None:
    @define
    class Above(RunError):
        first: int

    @define
    class Below(Above):
        second: int = 2

    assert asdict(Below(1)) == {"first": 1, "second": 2}
    assert asdict(Above(3)) == {"first": 3}


def codes() -> Iterator[tuple[str, str]]:
    """Yield the code of each class of errors and of each check, and the sentence that its docstring begins with."""
    for path in Path(nb2prod.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.ClassDef():
                    own = [line for line in node.body if isinstance(line, ast.Assign)]
                    values = [line.value.value for line in own if isinstance(line.value, ast.Constant)]
                    said = (ast.get_docstring(node) or "").partition("\n")[0]
                    yield from ((value, said) for value in values if re.fullmatch(r"NB\d{3}", str(value)))
                case ast.FunctionDef() if found := re.match(r"(NB\d{3}): (.)(.*)", ast.get_docstring(node) or ""):
                    yield found[1], found[2].upper() + found[3]


def test_each_code_means_one_thing() -> None:
    counts = Counter(code for code, _ in codes())

    assert [code for code, count in counts.items() if count > 1] == []
    assert {"NB101", "NB116", "NB201"} < set(counts)


def test_each_code_is_explained_where_users_look() -> None:
    page = Path(__file__).parents[1] / "docs" / "codes.md"
    rows = re.findall(r"^\| (NB\d{3}) \| (.+) \|$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    wanted = sorted(codes())
    lacking = [f"| {code} | {said} |" for code, said in wanted if (code, said) not in rows]

    assert lacking == []  # these are the lines to put in
    assert [row for row in rows if row not in wanted] == []


def test_what_the_system_refuses_is_named_as_the_user_named_it() -> None:
    full = mendable(OSError(errno.ENOSPC, "No space left on device"))
    closed = mendable(OSError(errno.EROFS, "Read-only file system", "/there/.page.html.0a1b2c3d"))

    assert (full and full.message) == "A file could not be written: No space left on device."
    assert (closed and closed.message) == "'/there/page.html' cannot be used: Read-only file system."
    assert mendable(FileNotFoundError(errno.ENOENT, "No such file or directory", "ours")) is None

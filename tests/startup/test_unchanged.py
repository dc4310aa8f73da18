"""What is answered without planning must be what planning would have answered, and only then."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import fields, frozen
from books import document

from nb2prod.plan import Record
from nb2prod.startup import unchanged
from nb2prod.startup.codec import pack, unpack

TEXT = "hello"
CELLS = (
    "%load_ext nb2prod",
    ("name = 'x'\ntimes = 1", {"tags": ["parameters"]}),
    "%%stage load\nimport helper, parcel\ntext = open('data.txt').read() * times + helper.SIGN + name",
    "%%stage show\nimport os\nprint(text, os.environ.get('CITY'))\nopen('out.txt', 'w').write(text)",
)


@frozen(kw_only=True)
class Place:
    """A project with a notebook that reads a file, a module beside it, and an installed package."""

    root: Path

    @property
    def notebook(self) -> Path:
        return self.root / "work" / "test.ipynb"

    @property
    def site(self) -> Path:
        return self.root / "site"

    def call(
        self, *arguments: str, cwd: Path | None = None, entry: str = "-m nb2prod", **more: str
    ) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("NB2PROD_")}
        environ |= {"PYTHONPATH": str(self.site), "NB2PROD_RUNNER": "auto", **more}
        command = [sys.executable, *(entry.split() if entry.startswith("-m") else ["-c", entry]), *arguments]
        return subprocess.run(
            command, cwd=cwd or self.notebook.parent, env=environ, capture_output=True, text=True, check=False
        )

    def run(self, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        return self.call("run", str(self.notebook), *arguments, cwd=cwd, **more)

    def is_answered(self, *arguments: str, verb: str = "run", cwd: Path | None = None, **more: str) -> bool:
        """Say whether a command is answered from the memo."""
        answer = "from nb2prod.startup.unchanged import answered; sys.exit(answered(sys.argv[1:]))"
        entry = f"import sys; sys.path.pop(0); {answer}"
        found = self.call(verb, str(self.notebook), *arguments, cwd=cwd, entry=entry, **more)
        assert found.returncode in {0, 1}, found.stderr
        assert "Traceback" not in found.stderr
        return found.returncode == 1


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(root=tmp_path)
    found.notebook.parent.mkdir()
    found.notebook.write_text(json.dumps(document(*CELLS)), encoding="utf-8")
    (found.notebook.parent / "data.txt").write_text(TEXT, encoding="utf-8")
    (found.notebook.parent / "helper.py").write_text("SIGN = '!'\n", encoding="utf-8")
    (found.site / "parcel").mkdir(parents=True)
    (found.site / "parcel" / "__init__.py").touch()
    info = found.site / "parcel-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n", encoding="utf-8")
    (info / "top_level.txt").write_text("parcel\n", encoding="utf-8")
    return found


def same_size(path: Path, old: str, new: str) -> None:
    """Edit a file so that neither its size nor its time tells."""
    assert len(old) == len(new)
    before = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def blob(place: Place) -> Path:
    return max(
        (place.notebook.parent / ".nb2prod" / "store").glob("[0-9a-f][0-9a-f]/*"), key=lambda p: p.stat().st_size
    )


def upgrade(place: Place) -> None:
    info = place.site / "parcel-1.0.dist-info"
    info.rename(info.with_name("parcel-2.0.dist-info"))


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def shadow(place: Place) -> None:
    info = place.site / "apparcel-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parcel\nVersion: 3.0\n", encoding="utf-8")


def below(place: Place, name: str) -> Path:
    return place.notebook.parent / name


CHANGES: dict[str, Callable[[Place], object]] = {
    "data of the same size and time": lambda p: same_size(below(p, "data.txt"), TEXT, "jello"),
    "data that are gone": lambda p: below(p, "data.txt").unlink(),
    "a result of another content": lambda p: same_size(below(p, "out.txt"), TEXT, "jello"),
    "a result that is gone": lambda p: below(p, "out.txt").unlink(),
    "a module": lambda p: same_size(below(p, "helper.py"), "!", "?"),
    "the notebook": lambda p: same_size(p.notebook, "print(text", "print(name"),
    "an upgraded package": upgrade,
    "a package upgraded in place": lambda p: same_size(p.site / "parcel-1.0.dist-info" / "METADATA", "1.0", "1.1"),
    "a second version of a package": shadow,
    "a package that is gone": lambda p: (p.site / "parcel-1.0.dist-info" / "METADATA").unlink(),
    "a blob that is gone": lambda p: blob(p).unlink(),
    "a blob that was cut off": lambda p: (blob(p).chmod(0o600), blob(p).write_text("x")),
    "settings": lambda p: below(p, "pyproject.toml").write_text("[tool.nb2prod]\nstore = 's'\n"),
    "settings above": lambda p: (p.root / "pyproject.toml").write_text("[tool.nb2prod]\n"),
    "what ran last": lambda p: rewrite(next(below(p, ".nb2prod").glob("last/*.json"))),
    "executed notebooks": lambda p: [path.unlink() for path in below(p, ".nb2prod").glob("runs/*/executed.ipynb")],
    "a memo that was cut off": lambda p: (m := next(below(p, ".nb2prod").glob("last/*d"))).write_bytes(
        m.read_bytes()[:-3000]
    ),
    "a memo of rubbish": lambda p: next(below(p, ".nb2prod").glob("last/*d")).write_bytes(b"1\0of\0x\0\xff"),
}


@pytest.mark.kernel
@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_planned(place: Place, change: str) -> None:
    first = place.run()
    assert first.returncode == 0, first.stderr
    assert place.is_answered()
    CHANGES[change](place)

    assert not place.is_answered()
    assert not place.is_answered(verb="plan")


@pytest.mark.kernel
def test_what_asks_for_something_else_is_planned(place: Place) -> None:
    place.run("-p", "times", "2")
    same = ("-p", "times", "2")

    assert place.is_answered(*same)
    assert place.is_answered("--format", "json", *same)
    assert place.is_answered("--parameter", *same[1:], cwd=place.root)
    assert place.is_answered("--parameters-json", '{"times": 2}')
    assert place.is_answered(*same, verb="plan")
    for others in [
        (), ("-p", "times", "3"), ("-p", "times", "2.0"), (*same, "-p", "name", "x"), (*same, "--force", "load"),
        (*same, "--until", "load"), (*same, "--store", "other"), (*same, "--kernel", "other"), (*same, "--help"),
        (*same, "--format", "xml"), (*same, "--run-id", "../../x"), (*same, "-o", "."),
        (*same, "-o", "no/where.ipynb"),
        (*same, "-o", str(place.notebook)), ("--parameters-json", "[]"), ("--parameters-json", "{"),
        (*same, "--rubbish"), ("-p", "times"), (*same, "second.ipynb"),
    ]:  # fmt: skip
        assert not place.is_answered(*others), others
    assert not place.is_answered(*same, NB2PROD_STORE="elsewhere")
    assert not place.is_answered(*same, NB2PROD_RUNNER="kernel")
    assert not place.is_answered(*same, PYTHONPATH=str(place.root))
    assert place.is_answered(*same, SOMETHING="else")
    assert not place.is_answered(*same, CITY="Bern")
    assert not place.is_answered(*same, "--kernel", "python3", verb="plan")


@pytest.mark.kernel
def test_what_may_not_be_reused_leaves_no_memo(place: Place) -> None:
    for cell in ("%%stage now --no-cache\nimport time; time.time()", "%%stage bad\n1 / 0"):
        place.notebook.write_text(json.dumps(document(*CELLS, cell)), encoding="utf-8")
        place.run()

        assert not place.is_answered(), cell


def of_run(text: str) -> str:
    """Blank out what each run has of its own."""
    text = re.sub(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}", "RUN", text)
    return re.sub(r'"(at|pid|began)": [0-9.]+', r'"\1": 0', text)


def left(place: Place, answer: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return everything that the last run said and left."""
    folder = max(below(place, ".nb2prod").glob("runs/*"), key=lambda p: p.stat().st_mtime_ns)
    written = {path.name: path.read_text(encoding="utf-8") if path.is_file() else "" for path in folder.iterdir()}
    said = {"stdout": answer.stdout, "stderr": answer.stderr, "exit": str(answer.returncode)}
    return {name: of_run(text) for name, text in (written | said).items()}


@pytest.mark.kernel
@pytest.mark.parametrize(
    "arguments", [(), ("--format", "json"), ("-o", "out.ipynb"), ("-o", "o.ipynb", "--format", "json")]
)
def test_the_answer_and_the_records_are_those_of_a_planned_run(place: Place, arguments: list[str]) -> None:
    odd = "%%stage odd\nimport sys\nprint('\\N{SNOWMAN}\"', file=sys.stderr)\nunused_name_here = 1"
    place.notebook.write_text(json.dumps(document(*CELLS, odd)), encoding="utf-8")
    place.run()
    next(below(place, ".nb2prod").glob("last/*d")).unlink()
    planned = left(place, place.run(*arguments))
    executed = [path.read_bytes() for path in below(place, ".").glob("o*.ipynb")]
    for path in below(place, ".").glob("o*.ipynb"):
        path.unlink()
    assert place.is_answered(*arguments)
    answered = left(place, place.run(*arguments))

    assert answered == planned
    assert executed == [path.read_bytes() for path in below(place, ".").glob("o*.ipynb")]
    assert "reused" in answered["stdout"]


@pytest.mark.kernel
def test_a_plan_is_that_of_a_planned_one(place: Place) -> None:
    place.run()
    for style in ("text", "json"):
        answered = place.call("plan", str(place.notebook), "--format", style)
        planned = place.call(
            "plan", str(place.notebook), "--format", style, entry="from nb2prod.cli.main import main; main()"
        )

        assert place.is_answered("--format", style, verb="plan")
        assert answered.stdout == planned.stdout
        assert "reuse" in answered.stdout


@pytest.mark.kernel
def test_an_answer_imports_nothing_that_takes_time(place: Place) -> None:
    place.run()
    entry = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from nb2prod.__main__ import main; main()"
    )
    found = place.call("run", str(place.notebook), entry=entry)
    ours = {name for name in found.stdout.splitlines()[-1].split() if name.startswith("nb2prod")}

    startup = {f"nb2prod.startup.{name}" for name in ("unchanged", "codec", "arguments", "birth", "run_name")}
    rooms = {"nb2prod", "nb2prod.__main__", "nb2prod.startup", "nb2prod.daemon", "nb2prod.daemon.client"}
    assert ours == startup | rooms
    assert not {"json", "re", "pathlib", "typing", "ast", "enum"} & set(found.stdout.splitlines()[-1].split())


def test_a_memo_is_read_as_it_was_written() -> None:
    memo = {"a": ["x", "", "\n"], "b": [], "c": ["\udcff", "é"]}

    assert unpack(pack(memo)) == memo


def test_all_that_a_record_holds_is_weighed() -> None:
    """What a reuse depends on is in the record: whoever adds to it must tell `nb2prod.memo`, if it lies outside."""
    known = "stage parts artifacts recipes gone ambient outputs asked files read modules packages seconds"

    assert known.split() == [field.name for field in fields(Record)]


def test_a_file_written_just_now_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("a", encoding="utf-8")
    now = path.stat().st_ctime_ns

    assert len(unchanged.signature(str(path), now).split()) == 6
    assert len(unchanged.signature(str(path), now + unchanged.SLACK + 1).split()) == 5

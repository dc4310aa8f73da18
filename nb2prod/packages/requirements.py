"""Requirements: the packages that a notebook's project says it needs, read from its files; one more is added to them.

Read are requirements.in, requirements.txt and what they include, and pyproject.toml: in the nearest folder that has
one, from the notebook's up to that of its repository or project. A file locked by hashes is not added to.
"""

from __future__ import annotations

import os.path
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from nb2prod import journal, settings
from nb2prod.errors.base import RequirementRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FILES = ("requirements.in", "requirements.txt")
_PROJECT = "pyproject.toml"
_OPERATORS = ("==", ">=", "~=")


@frozen(kw_only=True)
class Line:
    """A requirement in a file: the package's name in canonical form, how its version is bounded, and on which line."""

    name: str
    operator: str
    number: int


@frozen(kw_only=True)
class Listing:
    """A file of requirements."""

    file: Path
    lines: tuple[Line, ...]  # its own, and those of files that it includes
    whole: bool = True  # False: something in it has no name, and may bring any package
    locked: bool = False  # by hashes, which only a tool can write
    table: tuple[str, ...] = ()  # where in a pyproject.toml

    def requirement(self, name: str, version: str | None) -> str:
        """Write a package as most others in the file are written."""
        operators = Counter(line.operator for line in self.lines)
        usual = max(("", *_OPERATORS), key=lambda o: (operators[o], o == "")) if operators else ""
        return f"{name}{usual}{version}" if version and usual else name


def listings(notebook: Path, top: Path | None = None) -> tuple[Listing, ...]:
    """Return the files of a notebook's project, the one to be added to first; none of a folder above `top`."""
    for folder in _folders(notebook, top):
        found = [_text(folder / name) for name in _FILES if (folder / name).is_file()]
        project = _project(folder / _PROJECT) if (folder / _PROJECT).is_file() else None
        if found or project:
            return (*found, *([project] if project else []))
    return ()


def folder_of(notebook: Path) -> Path:
    """Return the topmost folder in which modules and requirements of a notebook are looked for."""
    own = notebook.resolve().parent
    repository = next((folder for folder in (own, *own.parents) if (folder / ".git").exists()), None)
    return repository or settings.home_of(notebook).parent


def add(notebook: Path, file: str, requirement: str, top: Path | None = None) -> Path:
    """Write a requirement into a file of the notebook's project, given from its folder; return the file.

    Raises:
        RequirementRefused: There is no such file, or it is no requirement, or it cannot be written.
    """
    chosen = next((item for item in listings(notebook, top) if named(item.file, notebook) == file), None)
    if chosen is None or chosen.locked:
        raise RequirementRefused(requirement, file, "the notebook's project has no such file that can be added to")
    line = _line(requirement.strip(), 0)
    if line is None or re.search(r"[\s@#;]", requirement.strip()):
        raise RequirementRefused(requirement, file, "it is no name of a package with a version")
    if line.name not in {item.name for item in chosen.lines}:
        text = chosen.file.read_bytes().decode()
        made = _in_project(text, requirement, chosen.table) if chosen.table else _in_text(text, requirement, chosen)
        try:
            mode = chosen.file.stat().st_mode
            journal.write_whole(chosen.file.resolve(), made)
            chosen.file.chmod(mode)
        except OSError as wrong:
            raise RequirementRefused(requirement, file, str(wrong)) from wrong
    return chosen.file


def named(file: Path, notebook: Path) -> str:
    """Return a file's path as seen from the notebook's folder."""
    return Path(os.path.relpath(file.resolve(), notebook.resolve().parent)).as_posix()


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it.

    Source:
        PEP 503. `packaging.utils` does the same, but its import takes longer than a whole check.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _folders(notebook: Path, top: Path | None) -> Iterator[Path]:
    last = folder_of(notebook)
    for folder in notebook.resolve().parents:
        yield folder
        if folder in (last, top and top.resolve()):
            return


def _text(file: Path, seen: frozenset[Path] = frozenset()) -> Listing:
    """Read a requirements file as pip does, with the files that it includes."""
    lines: list[Line] = []
    whole, locked = True, False
    for number, text in _logical(file.read_text(encoding="utf-8", errors="replace")):
        option = re.match(r"(-r|--requirement)[ =]*(\S+)", text)
        if option:
            other = (file.parent / option[2]).resolve()
            if other.is_file() and other not in seen:
                inner = _text(other, seen | {file.resolve()})
                lines += [Line(name=line.name, operator=line.operator, number=-1) for line in inner.lines]
                whole &= inner.whole
            continue
        locked |= "--hash=" in text
        found = None if text.startswith("-") else _line(text, number)
        lines += [found] if found else []
        whole &= bool(found) or (text.startswith("-") and not re.match(r"(-e|--editable)\b", text))
    return Listing(file=file, lines=tuple(lines), whole=whole, locked=locked)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines without comments, joined where a backslash says so, each with the number of its first one."""
    begun: tuple[int, str] | None = None
    for number, line in enumerate(text.splitlines()):
        first, said = begun or (number, "")
        said += re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if said.endswith("\\"):
            begun = first, said[:-1] + " "
            continue
        begun = None
        if said.strip():
            yield first, said.strip()


def _line(text: str, number: int) -> Line | None:
    """Read one requirement; None where it does not say of which package."""
    from packaging.requirements import InvalidRequirement, Requirement

    egg = re.search(r"#egg=([\w.-]+)", text)
    if egg:
        return Line(name=canonical(egg[1]), operator="", number=number)
    try:
        found = Requirement(re.split(r"\s--?\w", text)[0])
    except InvalidRequirement:
        return None
    operator = next((s.operator for s in found.specifier if s.operator in _OPERATORS), "")
    return Line(name=canonical(found.name), operator=operator, number=number)


def _project(file: Path) -> Listing | None:
    """Read what a pyproject.toml lists; None where it lists nothing, or leaves that to other files."""
    import tomllib

    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    project, poetry = read.get("project", {}), read.get("tool", {}).get("poetry", {})
    own = project.get("name") or poetry.get("name")
    extras = [*project.get("optional-dependencies", {}).values(), *read.get("dependency-groups", {}).values()]
    others = [text for group in extras for text in group if isinstance(text, str)]
    others += [own] if own else []
    groups = [group.get("dependencies", {}) for group in poetry.get("group", {}).values()]
    others += [name for group in groups for name in group]
    if isinstance(project.get("dependencies"), list):
        lines = [line for text in project["dependencies"] if (line := _line(text, 0))]
    elif isinstance(poetry.get("dependencies"), dict):
        lines = [*_poetry(poetry["dependencies"])]
    else:
        return None
    table = ("project", "dependencies") if "dependencies" in project else ("tool", "poetry", "dependencies")
    besides = [Line(name=line.name, operator="", number=-1) for text in others if (line := _line(text, -1))]
    return Listing(file=file, lines=(*lines, *besides), table=table)


def _poetry(table: dict[str, Any]) -> Iterator[Line]:
    for name, value in table.items():
        text = value if isinstance(value, str) else ""
        operator = next((o for o in _OPERATORS if text.startswith(o)), "")
        yield Line(name=canonical(name), operator=operator, number=0)


def _in_text(text: str, requirement: str, listing: Listing) -> str:
    """Add a line: in its place where the names are in order, else below the last one."""
    own = [line for line in listing.lines if line.number >= 0]
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    at = _place([line.name for line in own], requirement)
    # Below the one before it, with all its lines; comments belong to what they stand above.
    number = own[0].number if own and at == 0 else _below(text, own[at - 1].number) if own else len(lines)
    if number and not lines[number - 1].endswith(("\n", "\r")):
        lines[number - 1] += end
        return "".join([*lines[:number], requirement, *lines[number:]])
    return "".join([*lines[:number], requirement + end, *lines[number:]])


def _below(text: str, number: int) -> int:
    """Return the number of the first line after a requirement that begins on a line."""
    lines = text.splitlines()
    while re.sub(r"(^|\s)#.*$", "", lines[number]).rstrip().endswith("\\") and number + 1 < len(lines):
        number += 1
    return number + 1


def _in_project(text: str, requirement: str, table: tuple[str, ...]) -> str:
    """Add to a pyproject.toml; comments and layout stay."""
    import tomlkit

    found = tomlkit.parse(text)
    part: Any = found
    for name in table:
        part = part[name]
    if table[0] == "project":
        names = [line.name if (line := _line(str(item), 0)) else "" for item in part]
        part.insert(_place(names, requirement), requirement)
    else:
        name = re.split(r"[=<>~^!]", requirement, maxsplit=1)[0]
        part.add(name, requirement[len(name) :] or "*")
    return tomlkit.dumps(found)


def _place(names: Iterable[str], requirement: str) -> int:
    """Return where a requirement goes among names."""
    names, name = list(names), canonical(re.split(r"[=<>~^!\[]", requirement, maxsplit=1)[0])
    return sum(other < name for other in names) if len(names) > 1 and names == sorted(names) else len(names)

"""Requirements: files are read as pip reads them, and one more package changes nothing else in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod.errors.base import RequirementRefused
from nb2prod.packages import requirements


def listed(folder: Path, text: str, name: str = "requirements.txt") -> Path:
    """Write a file of requirements; return the path of a notebook beside it."""
    (folder / name).write_bytes(text.encode())
    return folder / "book.ipynb"


def test_names_are_read_whatever_stands_around_them(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("Scikit_Learn[alldeps] >= 1.2 ; python_version > '3.8'\n-c limits.txt\n")
    text = "# head\n--index-url x\nnumpy==1.0 \\\n    # no\nPyYAML  # why\n-r base.txt\ntorch @ https://x/t.whl\n"
    (found,) = requirements.listings(listed(tmp_path, text + "git+https://x/y#egg=Own_Pkg\n"))

    assert [line.name for line in found.lines] == ["numpy", "pyyaml", "scikit-learn", "torch", "own-pkg"]
    assert found.whole


@pytest.mark.parametrize("line", ["-e .", "./local", "https://x/y.whl", "git+https://x/y"])
def test_what_has_no_name_may_bring_anything(tmp_path: Path, line: str) -> None:
    (found,) = requirements.listings(listed(tmp_path, f"numpy\n{line}\n"))

    assert not found.whole


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("numpy==1.0\n", "numpy==1.0\nlumen==2.0\n"),
        ("aa>=1\nzz>=2\n", "aa>=1\nlumen>=2.0\nzz>=2\n"),
        ("# head\n\nmm\nzz\n\n# tests\npytest\n", "# head\n\nmm\nzz\n\n# tests\npytest\nlumen\n"),
        ("zz\naa  # last", "zz\naa  # last\nlumen"),
        ("aa~=1.0\r\nzz~=1.0\r\n", "aa~=1.0\r\nlumen~=2.0\r\nzz~=1.0\r\n"),
        ("aa==1 \\\n  ; python_version > '3'\nzz==1\n", "aa==1 \\\n  ; python_version > '3'\nlumen==2.0\nzz==1\n"),
        ("", "lumen\n"),
        ("# nothing yet\n", "# nothing yet\nlumen\n"),
    ],
)
def test_a_package_is_added_as_the_others_are_written(tmp_path: Path, before: str, after: str) -> None:
    book = listed(tmp_path, before)
    (found,) = requirements.listings(book)
    file = requirements.add(book, "requirements.txt", found.requirement("lumen", "2.0"))

    assert file.read_bytes().decode() == after
    assert requirements.add(book, "requirements.txt", "lumen").read_bytes().decode() == after


PROJECT = """# ours
[project]
name = "mine"
dependencies = [
  "numpy>=1",  # arrays
  "pandas>=2",
]

[tool.other]
x = 1
"""


def test_a_project_keeps_its_comments_and_layout(tmp_path: Path) -> None:
    book = listed(tmp_path, PROJECT, "pyproject.toml")
    (found,) = requirements.listings(book)
    file = requirements.add(book, "pyproject.toml", found.requirement("lumen", "2.0"))

    assert file.read_text() == PROJECT.replace('  "numpy', '  "lumen>=2.0",\n  "numpy')
    assert {line.name for line in found.lines} == {"mine", "numpy", "pandas"}


def test_groups_extras_and_poetry_are_read(tmp_path: Path) -> None:
    extras = (
        '[project.optional-dependencies]\nplot = ["seaborn"]\n[dependency-groups]\ndev = ["pytest", {include = "x"}]\n'
    )
    (found,) = requirements.listings(listed(tmp_path, "[project]\ndependencies = []\n" + extras, "pyproject.toml"))
    assert {line.name for line in found.lines} == {"seaborn", "pytest"}

    poetry = '[tool.poetry.dependencies]\npython = "^3.11"\nnumpy = ">=1"  # arrays\n'
    book = listed(tmp_path, poetry, "pyproject.toml")
    (found,) = requirements.listings(book)
    file = requirements.add(book, "pyproject.toml", "lumen>=2.0")
    assert file.read_text() == poetry + 'lumen = ">=2.0"\n'


@pytest.mark.parametrize(
    "text", ["[tool.nb2prod]\n", '[project]\nname = "x"\ndynamic = ["dependencies"]\n', "not toml"]
)
def test_a_project_that_lists_nothing_is_no_list(tmp_path: Path, text: str) -> None:
    if text == "not toml":
        (tmp_path / ".git").mkdir()
    assert requirements.listings(listed(tmp_path, text, "pyproject.toml")) == ()


def test_the_nearest_list_counts_up_to_the_repository_and_to_what_may_be_seen(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("far\n")
    repository = tmp_path / "repository"
    book = repository / "books" / "deep" / "book.ipynb"
    book.parent.mkdir(parents=True)
    assert requirements.listings(book) == ()
    (repository / ".git").mkdir()
    assert requirements.listings(book) == ()
    (repository / "requirements.txt").write_text("numpy\n")
    (found,) = requirements.listings(book)

    assert requirements.named(found.file, book) == "../../requirements.txt"
    assert requirements.listings(book, top=repository / "books") == ()
    (repository / "requirements.in").write_text("pandas\n")
    assert [item.file.suffix for item in requirements.listings(book)] == [".in", ".txt"]


@pytest.mark.parametrize(
    ("file", "requirement"),
    [
        ("../requirements.txt", "numpy"),
        ("other.txt", "numpy"),
        ("requirements.txt", "numpy\n-r /etc/passwd"),
        ("requirements.txt", "numpy @ https://evil"),
        ("requirements.txt", "--index-url=https://evil"),
        ("requirements.txt", ""),
    ],
)
def test_only_names_go_into_files_of_the_project(tmp_path: Path, file: str, requirement: str) -> None:
    book = listed(tmp_path, "pandas\n")
    with pytest.raises(RequirementRefused, match="NB122"):
        requirements.add(book, file, requirement)

    assert (tmp_path / "requirements.txt").read_text() == "pandas\n"


def test_a_locked_list_is_left_to_its_tool(tmp_path: Path) -> None:
    book = listed(tmp_path, "pandas==2 \\\n  --hash=sha256:00\n")
    (found,) = requirements.listings(book)
    assert found.locked

    with pytest.raises(RequirementRefused):
        requirements.add(book, "requirements.txt", "numpy==1")

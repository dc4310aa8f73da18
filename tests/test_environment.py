from __future__ import annotations

import os
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from nb2prod import environment


def test_a_package_that_is_installed_meanwhile_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = environment.versions(["newcomer"])
    about = tmp_path / "newcomer-2.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: newcomer\nVersion: 2.0\n")

    assert (before, environment.versions(["newcomer"])) == ({}, {"newcomer": "2.0"})


def test_a_comment_in_a_module_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "helper.py"
    hashes = []
    for source in ("x = 1\n", "x = 1  # one\n", "x = 2\n"):
        file.write_text(source)
        hashes.append(environment.modules([str(file)])[str(file)])

    assert [hashes[0] == other for other in hashes] == [True, True, False]


def test_who_provides_a_package_is_what_python_itself_says() -> None:
    known = packages_distributions()

    assert {name: environment.providers([name]) for name in known} == {n: sorted(set(d)) for n, d in known.items()}
    assert environment.providers(["no_such_package_anywhere"]) == []


def test_a_file_that_is_read_once_is_read_again_when_it_changed(tmp_path: Path) -> None:
    path, old = tmp_path / "x.csv", 1_000_000_000
    hashes = []
    for text, moment in (("a", old), ("a", old), ("b", old), ("c", old)):
        path.write_text(text, encoding="utf-8")
        os.utime(path, ns=(moment, moment))
        hashes.append(environment.files(["x.csv"], tmp_path)["x.csv"])

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3

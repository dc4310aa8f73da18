"""A release is served as it was signed, by whom the policy trusts, or not at all."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path
from typing import Any

import pytest

from nb2prod.errors.deployments import ReleaseChanged, ReleaseForeign
from nb2prod.releases import release, signing, trust
from nb2prod.releases.release import Release

NAME = "churn-20261122-001500-ab12cd"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / ".nb2prod"
    folder = release.new_folder(home, NAME)
    (folder / "service").mkdir()
    (folder / "service" / "service.py").write_text("served = 1", encoding="utf-8")
    (folder / "churn.bento").write_bytes(b"archive")
    tables = ("data", "parameters", "model", "metrics", "baseline", "gate", "rehearsal")
    empty: dict[str, Any] = {name: {} for name in tables}
    release.write(
        home,
        Release(
            id=NAME,
            run="20261122-001500-ab12cd",
            notebook="churn.ipynb",
            created="2026-11-22T00:15:00+00:00",
            code="",
            python="3.11",
            environment=(),
            bento="churn:1",
            archive="churn.bento",
            archive_sha256=hashlib.sha256(b"archive").hexdigest(),
            files=release.hashes(folder),
            **empty,
        ),
    )
    return home


def folder(home: Path) -> Path:
    return release.folder_of(home, NAME)


def policy(home: Path, text: str) -> None:
    (home.parent / "pyproject.toml").write_text(f"[tool.nb2prod.policy]\n{text}\n", encoding="utf-8")


def test_what_was_just_released_is_trusted(home: Path) -> None:
    assert trust.trusted(home, NAME).files.keys() == {"churn.bento", "service/service.py"}


@pytest.mark.parametrize("path", ["release.json", "churn.bento", "service/service.py"])
def test_a_file_that_was_changed_is_named(home: Path, path: str) -> None:
    file = folder(home) / path
    file.write_bytes(file.read_bytes() + b" ")

    with pytest.raises(ReleaseChanged, match=f"NB440: '{path}' of release '{NAME}'"):
        trust.trusted(home, NAME)


def test_what_people_read_may_be_thinned_out_and_the_archive_may_not(home: Path) -> None:
    (folder(home) / "service" / "service.py").unlink()
    trust.trusted(home, NAME)
    (folder(home) / "churn.bento").unlink()

    with pytest.raises(ReleaseChanged, match=r"'churn\.bento' .* is missing"):
        trust.trusted(home, NAME)


def test_a_release_that_nobody_signed_is_refused_unless_the_policy_lets_it_pass(home: Path) -> None:
    (folder(home) / release.SIGNATURE).unlink()
    for rule in ("", 'signatures = "any"'):
        policy(home, rule)
        with pytest.raises(ReleaseForeign, match="NB441: Nobody signed"):
            trust.trusted(home, NAME)
    policy(home, 'signatures = "off"')

    assert trust.trusted(home, NAME).id == NAME


def test_a_release_of_another_key_needs_its_owner_to_be_trusted(home: Path, tmp_path: Path) -> None:
    other = {signing.KEY_FILE: str(tmp_path / "other.pem")}
    manifest = (folder(home) / release.MANIFEST).read_bytes()
    (folder(home) / release.SIGNATURE).write_text(signing.sign(manifest, other).text(), encoding="utf-8")
    with pytest.raises(ReleaseForeign, match=r"NB441: .* neither yours nor trusted") as refused:
        trust.trusted(home, NAME)
    for rule in (f'trusted_keys = ["{signing.own(other)}"]', 'signatures = "any"'):
        policy(home, rule)
        assert trust.trusted(home, NAME).id == NAME

    assert f'trusted_keys = ["{signing.own(other)}"]' in refused.value.cure


def test_a_manifest_signed_anew_by_a_stranger_is_no_way_around(home: Path, tmp_path: Path) -> None:
    manifest = folder(home) / release.MANIFEST
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"churn:1"', '"evil:1"'), encoding="utf-8")
    signed = signing.sign(manifest.read_bytes(), {signing.KEY_FILE: str(tmp_path / "other.pem")})
    (folder(home) / release.SIGNATURE).write_text(signed.text(), encoding="utf-8")

    with pytest.raises(ReleaseForeign):
        trust.trusted(home, NAME)


def test_what_a_store_has_must_be_what_was_released(home: Path, tmp_path: Path) -> None:
    made, source = release.read(home, NAME), tmp_path / "src"
    source.mkdir()
    (source / "service.py").write_text("served = 1", encoding="utf-8")
    trust.genuine(made, source)
    (source / "service.py").write_text("served = 2", encoding="utf-8")

    with pytest.raises(ReleaseChanged, match="NB440"):
        trust.genuine(made, source)


@pytest.mark.parametrize("path", ["service/json.py", "service/serving_runtime/evil.py", "more.txt"])
def test_a_file_that_was_added_is_named(home: Path, path: str) -> None:
    """It could be loaded in the place of another."""
    added = folder(home) / path
    added.parent.mkdir(exist_ok=True)
    added.write_text("print('evil')", encoding="utf-8")

    with pytest.raises(ReleaseChanged, match=path):
        trust.trusted(home, NAME)


def test_what_a_file_manager_leaves_is_no_matter(home: Path) -> None:
    for path in (".DS_Store", "service/.ipynb_checkpoints/README-checkpoint.md"):
        (folder(home) / path).parent.mkdir(exist_ok=True)
        (folder(home) / path).write_text("seen", encoding="utf-8")

    assert trust.trusted(home, NAME)


def test_compiled_code_that_nobody_signed_is_taken_away(home: Path) -> None:
    for place in (folder(home) / "service", home / "store"):
        cache = place / "__pycache__" / "service.cpython-311.pyc"
        cache.parent.mkdir(parents=True)
        cache.write_bytes(b"evil")
    (home / "store" / "service.py").write_text("served = 1", encoding="utf-8")
    trust.genuine(trust.trusted(home, NAME), home / "store")

    assert list(home.rglob("*.pyc")) == []


def test_what_a_store_says_of_a_bento_is_what_its_archive_says(home: Path, tmp_path: Path) -> None:
    place, archive = tmp_path / "store", tmp_path / "churn.bento"
    place.mkdir()
    (place / "bento.yaml").write_text("creation_time: '2026-11-21'\nenvs: []", encoding="utf-8")
    with tarfile.open(archive, "w:gz") as parts:
        parts.add(place, ".")
    made = trust.trusted(home, NAME)
    trust.described(made, archive, place)
    (place / "bento.yaml").write_text("creation_time: '2026-11-22'\nenvs: []", encoding="utf-8")  # of another ship
    trust.described(made, archive, place)
    (place / "bento.yaml").write_text("envs: [{name: PYTHONPATH, value: /evil}]", encoding="utf-8")

    with pytest.raises(ReleaseChanged, match=r"bento\.yaml"):
        trust.described(made, archive, place)

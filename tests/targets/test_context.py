"""A build context needs nothing else, and an engine that is not there is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from released import MADE

from nb2prod.deploying import delivery
from nb2prod.errors.deliveries import EngineMissing, FolderTaken, ImageNotBuilt, TargetTakesNot
from nb2prod.targets import engines
from nb2prod.targets.context import Context, containerfile, hashed, write
from nb2prod.targets.delivery import Wanted


@pytest.fixture
def context(tmp_path: Path) -> Context:
    service = tmp_path / "release" / "service"
    service.mkdir(parents=True)
    (service / "requirements.txt").write_text("attrs==25.4.0\n", encoding="utf-8")
    (service / "service.py").touch()
    (service.parent / "release.json").write_text("{}", encoding="utf-8")
    folder = tmp_path / "context"
    folder.mkdir()
    return write(MADE, service, folder, Wanted(image="r.example/churn:1"))


def an_engine(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program on the path, and nothing else but what shells need."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_context_holds_all_that_is_built_from(context: Context) -> None:
    assert sorted(path.name for path in context.folder.iterdir()) == ["Containerfile", "requirements.txt", "service"]
    assert (context.folder / "service" / "release.json").is_file()


def test_the_image_is_not_roots_and_says_how_it_fares(context: Context) -> None:
    lines = (context.folder / "Containerfile").read_text(encoding="utf-8").splitlines()

    assert "ARG BASE=python:3.11.7-slim" in lines
    assert "USER 10001:10001" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert lines.index("USER 10001:10001") > max(n for n, line in enumerate(lines) if line.startswith(("RUN", "COPY")))


def test_a_notebooks_name_cannot_write_instructions() -> None:
    made = evolve(MADE, notebook='x"\nRUN curl $HOME.ipynb')
    text = containerfile(made, Wanted(), hashed=False)

    assert not any(line.startswith("RUN curl") for line in text.splitlines())
    assert "\\$HOME" in text


def test_an_engine_that_does_not_answer_is_passed_over(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_engine(tmp_path / "bin", "docker", 'echo "Cannot connect to the daemon" >&2; exit 1', monkeypatch)
    with pytest.raises(EngineMissing) as found:
        engines.find(None, context)
    an_engine(tmp_path / "bin", "buildah", "exit 0", monkeypatch)

    assert engines.find(None, context) == "buildah"
    assert found.value.silent == {
        "docker": "Cannot connect to the daemon",
        "podman": "not installed",
        "buildah": "not installed",
    }
    assert str(context.folder) in found.value.message
    assert "apt-get install buildah" in found.value.cure


def test_what_an_engine_refuses_is_kept_and_shown(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_engine(tmp_path / "bin", "buildah", 'echo "no such base: python"; exit 125', monkeypatch)
    with pytest.raises(ImageNotBuilt, match=r"NB461: buildah did not build the image: no such base: python") as found:
        engines.build(context, "buildah")

    assert "no such base" in Path(found.value.log_file).read_text(encoding="utf-8")


def test_an_index_of_ones_own_is_a_secret_and_no_argument(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://me:secret@i.example/simple\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_CERT", raising=False)
    an_engine(tmp_path / "bin", "docker", f'[ "$1" = image ] && echo 5000 || echo "$@" > {tmp_path}/asked', monkeypatch)
    built = engines.build(context, "docker")
    asked = (tmp_path / "asked").read_text(encoding="utf-8").split()

    assert built.bytes == 5000
    assert f"--secret=id=pip,src={tmp_path / 'pip.conf'}" in asked
    assert not any("i.example" in path.read_text() for path in context.folder.rglob("*") if path.is_file())


def test_nothing_is_removed_that_was_not_delivered(tmp_path: Path) -> None:
    taken, before = tmp_path / "taken", tmp_path / "before"
    for folder in (taken, before):
        folder.mkdir()
        (folder / "thesis.txt").touch()
    (before / delivery.MARK).touch()
    with pytest.raises(FolderTaken, match="NB463"):
        delivery.emptied(taken)
    delivery.emptied(before)

    assert (taken / "thesis.txt").exists()
    assert [path.name for path in before.iterdir()] == [delivery.MARK]


def test_a_target_that_serves_takes_no_files(tmp_path: Path) -> None:
    with pytest.raises(TargetTakesNot, match="NB462"):
        delivery.deploy(tmp_path, MADE.id, target="local")


def test_hashes_are_of_the_pins_alone(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("no-such-package-at-all==1.0\n", encoding="utf-8")

    assert hashed(tmp_path / "requirements.txt") == ""

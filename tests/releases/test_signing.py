"""A key signs what it is given, and a signature is of that and nothing else."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

from nb2prod.errors.deployments import SigningKeyUnusable
from nb2prod.releases import signing


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {signing.KEY_FILE: str(tmp_path / "config" / "signing.pem")}


def test_a_signature_is_of_these_bytes_and_no_others(environ: dict[str, str]) -> None:
    found = signing.parse(signing.sign(b"manifest", environ).text())

    assert found is not None
    assert found.public_key == signing.own(environ)
    assert signing.is_of(found, b"manifest")
    assert not signing.is_of(found, b"manifesT")
    assert not signing.is_of(evolve(found, signature=signing.sign(b"x", environ).signature), b"manifest")


def test_another_key_is_not_this_one(environ: dict[str, str], tmp_path: Path) -> None:
    other = {signing.KEY_FILE: str(tmp_path / "other.pem")}
    found = signing.sign(b"manifest", environ)

    assert signing.own(other) != found.public_key
    assert not signing.is_of(evolve(found, public_key=signing.own(other)), b"manifest")


@pytest.mark.parametrize("key", ["", "ed25519:", "ed25519:????", "rsa:AAAA", "ed25519:" + "A" * 43 + "="])
def test_what_is_no_key_verifies_nothing(environ: dict[str, str], key: str) -> None:
    assert not signing.is_of(evolve(signing.sign(b"a", environ), public_key=key), b"a")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"public_key": 1}'])
def test_what_is_no_signature_is_none(text: str) -> None:
    assert signing.parse(text) is None


def test_nobody_else_can_read_the_key(environ: dict[str, str]) -> None:
    signing.own(environ)
    path = Path(environ[signing.KEY_FILE])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_make_it_at_once_take_the_same(environ: dict[str, str]) -> None:
    code = "from nb2prod.releases import signing; import os; print(signing.own(os.environ))"
    children = [
        subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = {child.communicate()[0] for child in children}

    assert said == {f"{signing.own(environ)}\n"}


def test_ci_gives_its_key_in_a_variable(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    environ = {signing.KEY: key.private_bytes(*form).decode(), signing.KEY_FILE: str(tmp_path / "none.pem")}

    assert signing.is_of(signing.sign(b"a", environ), b"a")
    assert not (tmp_path / "none.pem").exists()
    other = x25519.X25519PrivateKey.generate().private_bytes(*form).decode()
    for wrong in ("secret", other):
        with pytest.raises(SigningKeyUnusable, match=r"NB442: The signing key '\$NB2PROD_SIGNING_KEY'"):
            signing.own({signing.KEY: wrong})


def test_a_key_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(SigningKeyUnusable, match="NB442"):
        signing.own({signing.KEY_FILE: str(tmp_path / "file" / "signing.pem")})

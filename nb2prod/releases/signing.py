"""Signing: a user's key, what it signs, and whose signature something has (Ed25519, RFC 8032)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from attrs import frozen

from nb2prod.errors.deployments import SigningKeyUnusable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "ed25519"
# Part of what is signed, so that a signature of something else is none of a release.
CONTEXT = b"nb2prod release 1\0"
KEY, KEY_FILE = "NB2PROD_SIGNING_KEY", "NB2PROD_SIGNING_KEY_FILE"


@frozen(kw_only=True)
class Signature:
    """Whose signature, and the signature."""

    public_key: str  # `ed25519:` and the key's 32 bytes in Base64
    signature: str  # Base64

    def text(self) -> str:
        """Write it as a file."""
        found = {"algorithm": ALGORITHM, "public_key": self.public_key, "signature": self.signature}
        return json.dumps(found, indent=1) + "\n"


def sign(data: bytes, environ: Mapping[str, str] = os.environ) -> Signature:
    """Sign bytes with this user's key, which is made when there is none yet.

    Raises:
        SigningKeyUnusable: There is a key that is none, or none can be made.
    """
    key = _key(environ)
    signed = base64.b64encode(key.sign(CONTEXT + data)).decode()
    return Signature(public_key=_public(key), signature=signed)


def parse(text: str) -> Signature | None:
    """Read what `Signature.text` wrote; None when it is something else."""
    try:
        raw = json.loads(text)
        return Signature(public_key=str(raw["public_key"]), signature=str(raw["signature"]))
    except (ValueError, TypeError, LookupError):
        return None


def is_of(signature: Signature, data: bytes) -> bool:
    """Say whether a signature is one of these bytes, by the key that it names."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    algorithm, _, key = signature.public_key.partition(":")
    try:
        known = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        known.verify(base64.b64decode(signature.signature, validate=True), CONTEXT + data)
    except (ValueError, InvalidSignature):
        return False
    return algorithm == ALGORITHM


def own(environ: Mapping[str, str] = os.environ) -> str:
    """Return this user's public key, which others may trust; the key is made when there is none yet.

    Raises:
        SigningKeyUnusable: There is a key that is none, or none can be made.
    """
    return _public(_key(environ))


def _key(environ: Mapping[str, str]) -> Ed25519PrivateKey:
    """Return the key that the environment gives, or that of the user's configuration."""
    if given := environ.get(KEY):
        return _loaded(given.encode(), f"${KEY}")
    path = Path(environ.get(KEY_FILE) or platformdirs.user_config_path("nb2prod") / "signing.pem")
    try:
        return _loaded(path.read_bytes(), str(path))
    except FileNotFoundError:
        return _made(path)
    except OSError as wrong:
        raise SigningKeyUnusable(str(path), wrong.strerror or str(wrong)) from wrong


def _made(path: Path) -> Ed25519PrivateKey:
    """Make a key that only this user can read; when two processes do so at once, both take the same one."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    coding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    data = Ed25519PrivateKey.generate().private_bytes(coding, form, serialization.NoEncryption())
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        try:
            path.hardlink_to(temporary)  # fails where there is one by now, as a rename does not
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        return _loaded(path.read_bytes(), str(path))
    except OSError as wrong:
        raise SigningKeyUnusable(str(path), wrong.strerror or str(wrong)) from wrong


def _loaded(data: bytes, place: str) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise SigningKeyUnusable(place, "it is no private key in PEM without a password") from wrong
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyUnusable(place, "it is no Ed25519 key")
    return key


def _public(key: Ed25519PrivateKey) -> str:
    return f"{ALGORITHM}:{base64.b64encode(key.public_key().public_bytes_raw()).decode()}"

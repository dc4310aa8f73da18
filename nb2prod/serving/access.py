"""Access: who may ask a service, how much at a time, and how long an answer may take."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

from attrs import frozen

from .faults import Refused

PATIENCE = 60.0  # seconds until a request is given up, unless SERVICE_TIMEOUT says otherwise
BODY = 16 * 2**20  # bytes of a request, unless SERVICE_MAX_BODY says otherwise
LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})


@frozen(kw_only=True)
class Access:
    """What a service's environment says of it."""

    keys: tuple[bytes, ...]
    anonymous: bool
    most: int  # bytes of a request
    patience: float  # seconds

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Access:
        """Read them."""
        return cls(
            keys=keys_of(environ),
            anonymous=environ.get("SERVICE_ANONYMOUS") == "1",
            most=int(environ.get("SERVICE_MAX_BODY") or BODY),
            patience=float(environ.get("SERVICE_TIMEOUT") or PATIENCE),
        )

    def admit(self, client: str, headers: Mapping[bytes, bytes]) -> None:
        """Let in who has a key; where there are none, only this machine.

        Raises:
            Refused: Otherwise.
        """
        if self.keys:
            name, _, given = headers.get(b"authorization", b"").partition(b" ")
            key = given.strip() if name.lower() == b"bearer" else headers.get(b"x-api-key", b"")
            digest = hashlib.sha256(key).digest()
            # All are compared, so that the time taken says nothing.
            if sum(hmac.compare_digest(digest, known) for known in self.keys) == 0:
                said = "A key is needed: send `Authorization: Bearer KEY` or `X-API-Key: KEY`."
                raise Refused(401, said, headers={"www-authenticate": "Bearer"})
        elif not self.anonymous and not _here(client, headers.get(b"host", b"")):
            raise Refused(
                403, "No keys are set, so only this machine is served: set SERVICE_API_KEYS, or SERVICE_ANONYMOUS=1."
            )


def keys_of(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """Read the keys that are let in, from `SERVICE_API_KEYS` and the file that `SERVICE_API_KEYS_FILE` names.

    They stand between commas or one a line; `sha256:…` stands for a key that only its owner knows.
    """
    text = environ.get("SERVICE_API_KEYS", "")
    if place := environ.get("SERVICE_API_KEYS_FILE"):
        text += "\n" + Path(place).read_text(encoding="utf-8")
    found = [key.strip() for line in text.splitlines() for key in line.split(",") if key.strip()]
    hashes = [key[7:] for key in found if key.startswith("sha256:")]
    if not all(re.fullmatch(r"[0-9a-fA-F]{64}", one) for one in hashes):  # nobody would ever be let in by it
        raise ValueError("SERVICE_API_KEYS has a `sha256:` that 64 hexadecimal digits do not follow")
    return tuple(
        bytes.fromhex(key[7:]) if key.startswith("sha256:") else hashlib.sha256(key.encode()).digest() for key in found
    )


@lru_cache(maxsize=100)
def _here(client: str, asked: bytes) -> bool:
    """Say whether a request comes from this machine, and is meant for it: a name on the web may lead here, too."""
    host = asked.decode("latin-1").rpartition(":")
    name = host[0] if host[2].isdigit() else "".join(host)
    try:
        near = ip_address(client).is_loopback
    except ValueError:
        near = False
    return near and name.lower() in LOCAL

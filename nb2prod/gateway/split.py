"""Split: which release a request goes to, the same one for the same client where a client can be told."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from ipaddress import ip_address

from attrs import frozen

PARTS = 2**32


@frozen(kw_only=True)
class Split:
    """What answers, and with what share something else does."""

    live: str | None = None
    canary: str | None = None
    share: float = 0.0
    shadow: str | None = None

    def choose(self, client: str | None) -> str | None:
        """Return the release for a client; None stands for one who cannot be told from others."""
        if self.canary is None:
            return self.live
        # The canary is part of what is hashed, so that not the same clients are the first to try every release.
        lot = random.random() if client is None else _lot(f"{self.canary}\0{client}")  # noqa: S311 - no secret
        return self.canary if lot < self.share else self.live


def client_of(headers: Mapping[str, str], peer: str | None) -> str | None:
    """Return what tells a client from others: its key, or else the address that it comes from.

    Many share the addresses of this machine, so those tell nothing.
    """
    key = headers.get("Authorization") or headers.get("X-API-Key")
    if key:
        return f"key {key}"
    hops = [hop.strip() for hop in headers.get("X-Forwarded-For", "").split(",")]
    return next((f"address {hop}" for hop in (*hops, peer or "") if _tells(hop)), None)


def _tells(address: str) -> bool:
    try:
        return not ip_address(address).is_loopback
    except ValueError:
        return False


def _lot(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") / PARTS

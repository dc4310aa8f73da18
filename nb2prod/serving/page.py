"""Page: what a service shows to people, one file that loads nothing from elsewhere and runs no code but its own."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256


def policy(page: bytes) -> bytes:
    """Return the content security policy of a page: its own style sheet and script, by their hashes."""
    style, script = (_hashes(page, tag) for tag in (b"style", b"script"))
    return (
        b"default-src 'none'; connect-src 'self'; img-src data: blob:; style-src "
        + style
        + b"; script-src "
        + script
        + b"; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hashes(page: bytes, tag: bytes) -> bytes:
    found = re.findall(rb"<%s>(.*?)</%s>" % (tag, tag), page, re.DOTALL)
    return b" ".join(b"'sha256-" + b64encode(sha256(part).digest()) + b"'" for part in found) or b"'none'"

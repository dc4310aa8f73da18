"""Settings for all tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Test modules share `books.py`, and families their `contract.py`.
sys.path.insert(0, str(Path(__file__).parent))

# A shell that has begun the tests in the background lets them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _signing_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Sign with a key that is made for the tests, and leave the user's alone."""
    before = os.environ.get("NB2PROD_SIGNING_KEY_FILE")
    os.environ["NB2PROD_SIGNING_KEY_FILE"] = str(tmp_path_factory.mktemp("key") / "signing.pem")
    yield
    if before is None:
        del os.environ["NB2PROD_SIGNING_KEY_FILE"]
    else:
        os.environ["NB2PROD_SIGNING_KEY_FILE"] = before


@pytest.fixture(autouse=True)
def _same_chance(request: pytest.FixtureRequest) -> None:
    """Let a test draw the same from its module's generator, `CHANCE`, whichever ran before it."""
    if (chance := getattr(request.module, "CHANCE", None)) is not None and hasattr(chance, "bit_generator"):
        chance.bit_generator.state = type(chance.bit_generator)(1).state

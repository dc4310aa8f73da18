"""A BentoML store for tests, which stands for the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def stored(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Let all that is shipped go into a store in a new folder, and give the folder."""
    folder = factory.mktemp("bentoml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(folder))
        yield folder

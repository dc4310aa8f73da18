"""Kind: what one kind of service takes, and how it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Released = Callable[[str], bytes]  # a file of the service by its name, if it is the one that was released


class Kind(Protocol):
    """A request comes as bytes, is checked (`parse`), answered (`ask`), and its answer written (`write`).

    `form` is the content type of the request, and of its answer. What `parse` returns is the kind's own, and so is
    what `ask` returns.
    """

    def load(self, released: Released) -> None:
        """Load what answers. Everything that could run code comes through `released`."""

    def parse(self, body: bytes, form: bytes) -> Any:
        """Read and check a request.

        Raises:
            Refused: It cannot be read, or something in it is at fault.
        """

    def ask(self, asked: Any) -> Any:
        """Answer a request that was checked.

        Raises:
            Refused: There is no answer to it.
        """

    def write(self, asked: Any, answer: Any, form: bytes) -> bytes:
        """Write an answer."""

    def quick(self, size: int) -> bool:
        """Say whether a request of so many bytes is answered in no time, so that no other need wait meanwhile."""

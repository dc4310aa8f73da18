"""Kind: what one kind of service takes, and how it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen

Released = Callable[[str], bytes]  # a file of the service by its name, if it is the one that was released


@frozen(kw_only=True)
class Reply:
    """Something that was got, and what is said of it."""

    body: bytes
    form: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Kind(Protocol):
    """A request comes as bytes, is checked (`parse`), answered (`ask`), and its answer written (`write`).

    `form` is the content type of the request, and of its answer. What `parse` returns is the kind's own, and so is
    what `ask` returns. A kind may also have `explain`, which says of what `parse` returned why it is answered as it is,
    and `get(path, query, accept)`, which gives a `Reply` for paths of its own.
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

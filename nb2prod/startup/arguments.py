"""Arguments: parameters as a command line gives them."""

from __future__ import annotations

TYPE_CHECKING = False  # as `typing` has it, which takes longer than what is done here
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def given(words: Sequence[str], typed: str = "{}") -> dict[str, Any]:
    """Read the parameters of a command line.

    Args:
        words: Names and values in turn, from `-p`.
        typed: A JSON object, from a program.

    Raises:
        ValueError, TypeError: It is none.
    """
    found = {}
    if typed != "{}":
        import json

        found = dict(json.loads(typed))
    return found | {name: _value(value) for name, value in zip(words[::2], words[1::2], strict=True)}


def _value(text: str) -> Any:
    """Read a value exactly as papermill reads its `-p`: True, False, None and numbers, and all else is text."""
    constants = {"True": True, "False": False, "None": None}
    if text in constants:
        return constants[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

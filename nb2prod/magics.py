"""Magics: `%%stage` tags a cell in any editor, and runs it as usual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nb2prod.stage import untagged

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def register(shell: InteractiveShell) -> None:
    """Teach a shell `%%stage`: its line is taken away before IPython reads the cell, which then runs as it would."""
    if _strip not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.insert(0, _strip)


def _strip(lines: list[str]) -> list[str]:
    return untagged("".join(lines)).splitlines(keepends=True)

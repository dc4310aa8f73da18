"""Displays: what cells show under an id, which cells below may change, in another stage or in this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Output = dict[str, Any]  # of nbformat, and with its display's id while it is ours

UPDATE = "update_display_data"


def identity(output: Mapping[str, Any]) -> str | None:
    """Return the id of the display that an output is, or changes."""
    transient: dict[str, str] = output.get("transient") or {}
    return transient.get("display_id")


def identified(output: Output, display: str) -> Output:
    """Return an output with the id of its display."""
    return output | {"transient": {"display_id": display}}


@define
class Displays:
    """The displays of a notebook whose cells' outputs come in order, whether they run now or were kept."""

    shown: dict[str, list[Output]] = field(factory=dict)  # by id

    def settle(self, outputs: Iterable[Mapping[str, Any]]) -> list[Output]:
        """Return a cell's outputs as nbformat has them; what they change in cells above is changed there."""
        settled = []
        for output in outputs:
            display = identity(output)
            if display is not None:
                self._change(display, output)
            if output["output_type"] == UPDATE:
                continue
            own = {name: value for name, value in output.items() if name != "transient"}
            settled.append(own)
            if display is not None:
                self.shown.setdefault(display, []).append(own)
        return settled

    def _change(self, display: str, output: Mapping[str, Any]) -> None:
        for above in self.shown.get(display, ()):
            above.update(data=output["data"], metadata=output["metadata"])

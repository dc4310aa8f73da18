"""Progress: what a run's events say so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Mapping


@define
class Progress:
    """The latest word on each stage and step, and the result when there is one."""

    verb: str = ""
    stages: dict[str, str] = field(factory=dict)  # name → state
    seconds: dict[str, float] = field(factory=dict)
    steps: dict[str, dict[str, Any]] = field(factory=dict)  # step → its last event
    error: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        match event["event"]:
            case "start":
                self.verb = event["verb"]
                self.stages = dict.fromkeys(event["stages"], "")
            case "stage":
                self.stages[event["stage"]] = event["state"]
                self.seconds[event["stage"]] = event.get("seconds") or 0.0
            case "step":
                self.steps[event["step"]] = dict(event)
            case "error":
                self.error = event
            case "end":
                self.result = event["result"]
                self.error = event["result"].get("error")

    @property
    def line(self) -> str:
        """Say in a line where the run is."""
        if self.result is not None:
            return "failed" if self.error else "done"
        going = [step["step"] for step in self.steps.values() if step["state"] == "running" and step["step"] != "run"]
        stages = [f"stage {name}" for name, state in self.stages.items() if state == "running"]
        return ", ".join(stages or going) or "starting"

"""A candidate of one task, in a search that selects at each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.results.units import decimal_text
from orchestrator.stages.stage import Stage
from orchestrator.sweep.spaces.domains import Point
from orchestrator.sweep.trial import Trial


@dataclass
class TaskCandidate:
    """A candidate of one task.

    Attributes:
        task: the task that it learns last.
        step: "plasticity" or "stability".
        point: its hyperparameters on this task.
        trial: with the choices of earlier tasks, and this point from here on.
        stages: its chain up to the task.
        accuracy: on the task, R[t, t]; None until it is known, or if there is none.
        status: "running" until it ended.
        story: why it failed or diverged.
        chosen: whether the next task begins from it.
    """

    task: int
    step: str
    point: Point
    trial: Trial
    stages: tuple[Stage, ...]
    accuracy: float | None = None
    status: Literal["running", "complete", "diverged", "failed", "stopped"] = "running"
    story: str = ""
    chosen: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it ended."""
        return self.status != "running"

    def describe(self) -> str:
        """Return its outcome for a reader; empty if it failed, or has not ended."""
        if self.status in ("failed", "running"):
            return ""
        accuracy = (
            "no accuracy" if self.accuracy is None else f"accuracy {decimal_text(self.accuracy)}"
        )
        chosen = "; chosen" if self.chosen else ""
        return f"tried for {self.step} at task {self.task}: {accuracy} on it{chosen}"

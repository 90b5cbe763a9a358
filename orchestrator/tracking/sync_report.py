"""What one call of `sync` sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.tracking.ledger import Ledger


@dataclass(kw_only=True)
class SyncReport:
    """What one call of `sync` sent.

    Attributes:
        uri: address without credentials.
        runs: number of runs created.
        steps: number of steps sent, over all runs.
        artifacts: number of runs whose artifacts were sent.
        removed: number of runs deleted, since the sweep no longer has their trials.
        complete: whether MLflow has all that the tables have.
        problem: why it is not complete, and what to do; empty if complete.
        ledger: the runs at MLflow.
    """

    uri: str
    runs: int = 0
    steps: int = 0
    artifacts: int = 0
    removed: int = 0
    complete: bool = True
    problem: str = ""
    ledger: Ledger | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """Return the report as a line."""
        parts = []
        if self.runs or self.steps or self.artifacts:
            parts.append(
                f"{self.runs} runs started, {self.steps} steps and "
                f"{self.artifacts} sets of files sent"
            )
        if self.removed:
            parts.append(f"{self.removed} runs removed that the sweep no longer has")
        return f"{self.uri}: {'; '.join(parts) or 'up to date'}"

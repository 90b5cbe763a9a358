"""How a stage ended: plain values that a worker returns and the trial graph handles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Key = str


@dataclass(frozen=True)
class StageDone:
    """A stage's state and record are in the store.

    Attributes:
        work: what it took: "scored" if only scores on further tasks were missing, "none" if
            another driver had stored the stage meanwhile.
    """

    key: Key
    work: Literal["computed", "scored", "none"] = field(default="computed", compare=False)


@dataclass(frozen=True)
class StageDiverged:
    """A stage's record says that training diverged."""

    key: Key
    story: str


@dataclass(frozen=True)
class StageFailed:
    """A stage raised, or its process died once too often."""

    key: Key
    story: str


@dataclass(frozen=True)
class ParentLost:
    """A stage could not start: its parent's state is no longer in the store."""

    key: Key


Outcome = StageDone | StageDiverged | StageFailed | ParentLost

"""Inputs and outputs of the trial graph: events and instructions, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.stages.outcomes import Key, ParentLost, StageDiverged, StageDone, StageFailed

ChainId = tuple[str, int]
EndStatus = Literal["complete", "diverged", "failed", "stopped"]


@dataclass(frozen=True)
class ChainWanted:
    """A chain wants its next stages: (key, parent) in order. It may want more later.

    With `last`, no more will follow: the chain is complete when these are done. `stored` are those
    of the stages that are known to be in the store.
    """

    chain: ChainId
    stages: tuple[tuple[Key, Key | None], ...]
    last: bool = True
    stored: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class ChainStopped:
    """A chain wants nothing more."""

    chain: ChainId


@dataclass(frozen=True)
class SlotsChanged:
    """The number of stages that may run at a time changed."""

    slots: int


@dataclass(frozen=True)
class StageHeld:
    """A stage that was to run does not start in this run."""

    key: Key


@dataclass(frozen=True)
class RunStage:
    """Run this stage now; its parent is in the store.

    With `beside`, as one task with the stage of that key, which came before.
    """

    key: Key
    beside: Key | None = None


@dataclass(frozen=True)
class ChainAdvanced:
    """All stages of a chain up to and including `after` tasks are done."""

    chain: ChainId
    after: int


@dataclass(frozen=True)
class ChainEnded:
    """Nothing more will happen to a chain."""

    chain: ChainId
    status: EndStatus
    story: str = ""


Event = (
    ChainWanted
    | ChainStopped
    | StageDone
    | StageDiverged
    | StageFailed
    | StageHeld
    | ParentLost
    | SlotsChanged
)
Instruction = RunStage | ChainAdvanced | ChainEnded

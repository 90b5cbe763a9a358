"""Joint training: a fresh network trained on all tasks seen so far together; the upper bound.

State:
    network only. The training data of all seen tasks, needed at every task, counts as storage of
    category raw_data.

Reference:
    None; the upper bound of every study, e.g. "Joint" in van de Ven et al. 2022, Nature Machine
    Intelligence 4, table 2.

Deviations:
    Each task starts from the fresh network, as if all seen data had arrived at once; some codebases
    continue from the network of the previous task ("cumulative" training).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from methods.base import Method


class Joint(Method):
    """Train a fresh network on all seen tasks."""

    trains_on: ClassVar[Literal["current", "seen"]] = "seen"
    starts_afresh: ClassVar[bool] = True

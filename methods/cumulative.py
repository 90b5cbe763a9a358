"""Cumulative training: go on from the last task's network with all data seen so far.

State:
    network only. The training data of all seen tasks, which it needs again at every task, is
    charged as storage of category raw_data.

Reference:
    None; "Cumulative" in Lomonaco and Maltoni 2017, CORe50, CoRL, section 4.

Deviations:
    None. Unlike `joint`, a task starts from the network of the task before, so early tasks are
    trained on once more at every later one.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from methods.base import Method


class Cumulative(Method):
    """Train on all seen tasks, going on from where the last task ended."""

    trains_on: ClassVar[Literal["current", "seen"]] = "seen"

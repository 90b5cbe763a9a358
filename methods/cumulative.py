"""Cumulative training: continue training the network on all data seen so far.

State:
    network only. The training data of all seen tasks, needed at every task, counts as storage of
    category raw_data.

Reference:
    None; "Cumulative" in Lomonaco and Maltoni 2017, CORe50, CoRL, section 4.

Deviations:
    None. Unlike `joint`, a task starts from the network of the previous task, so early tasks are
    trained on again at every later one.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from methods.base import Method


class Cumulative(Method):
    """Train on all seen tasks, starting from the network of the previous task."""

    trains_on: ClassVar[Literal["current", "seen"]] = "seen"

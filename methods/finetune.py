"""Fine-tuning: train on each task in turn without any measure against forgetting.

The usual lower bound.

State:
    network only.

Reference:
    None; the baseline of every study, e.g. "SGD" in Kirkpatrick et al. 2017, PNAS 114(13), fig. 2.

Deviations:
    None.
"""

from __future__ import annotations

from typing import ClassVar

from methods.base import Method


class Finetune(Method):
    """Train on the current task alone."""

    fusible: ClassVar[bool] = True

"""Freeze: train on the first task only. Nothing is forgotten and no later task is learned.

The limit of every penalty on all parameters as its strength goes to infinity.

State:
    network only; it changes during the first task alone.

Reference:
    None; full stability, as fine-tuning is full plasticity.

Deviations:
    None. Later tasks have no training examples: no gradients, no running statistics, no FLOPs.
"""

from __future__ import annotations

from methods.base import Examples, Method, TaskView


class Freeze(Method):
    """Train on the first task only."""

    def examples(self, task: TaskView) -> Examples:
        """Return the examples of the first task; no examples of later tasks."""
        # An empty slice and no special case: without batches the loop takes no step.
        return task.examples if task.index == 1 else task.examples[:0]

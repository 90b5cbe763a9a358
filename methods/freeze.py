"""Freeze: learn the first task, then nothing. Nothing is forgotten and nothing more is learned.

The limit of every penalty whose strength goes to infinity, the output layer included.

State:
    network only; it changes during the first task alone.

Reference:
    None; the bound of stability, as fine-tuning is that of plasticity.

Deviations:
    None. Later tasks are trained on no examples: no gradient, no running statistic, no FLOPs.
"""

from __future__ import annotations

from methods.base import Examples, Method, TaskView


class Freeze(Method):
    """Train on the first task alone."""

    def examples(self, task: TaskView) -> Examples:
        """Return the first task's examples, and none of later ones."""
        return task.examples if task.index == 1 else task.examples[:0]

"""The computation dial: the number of steps that a task's FLOPs allow, by arithmetic.

A method learned each task for one epoch once, and the FLOPs of that stage were counted. Steps after
the first epoch are like the last of their batch size in it, so the FLOPs of any number of steps
follow.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from orchestrator.stages.record import Costs


@dataclass(frozen=True)
class TaskPrice:
    """The FLOPs of learning a task.

    Attributes:
        epoch: of all training with one epoch, phases with lengths of their own included.
        batches: of the steps on each batch of a further epoch, in order; none if the method takes
            no step on the task.
        consolidation: after training, whatever its length.
    """

    epoch: int
    batches: tuple[int, ...]
    consolidation: int

    def flops(self, iterations: int) -> int:
        """Return the FLOPs of training for a number of iterations, and consolidation."""
        if not self.batches:
            return self.epoch + self.consolidation
        epochs, rest = divmod(iterations, len(self.batches))
        further = (epochs - 1) * sum(self.batches) + sum(self.batches[:rest])
        return self.epoch + further + self.consolidation

    def most_iterations(self, budget: float) -> int:
        """Return the largest number of iterations whose FLOPs a budget allows; 0 if not even one.

        Where no step costs anything, one epoch is the answer; one iteration where there is none.
        """
        if self.flops(1) > budget:
            return 0
        if not sum(self.batches):
            return max(len(self.batches), 1)
        most = len(self.batches) * (int(budget) // sum(self.batches) + 2)
        return bisect_right(range(1, most), budget, key=self.flops)


def price_from_costs(costs: Costs) -> TaskPrice | None:
    """Return the price of a task from the costs of its stage with one epoch.

    None: the record is of a release that did not note the FLOPs of batches.
    """
    sizes = sorted(map(int, costs.batch_flops), reverse=True)
    # Only the last batch of an epoch may be short.
    batches = [
        flops
        for count, flops in (costs.batch_flops[str(size)] for size in sizes)
        for _ in range(count)
    ]
    if not batches and costs.samples:
        return None
    return TaskPrice(costs.train_flops, tuple(batches), costs.consolidate_flops)

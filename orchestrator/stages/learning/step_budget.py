"""The FLOPs that a task may take, where the number of its steps follows from the state.

What a step costs may depend on what was learned before (`Config.without_growth`), so that under
equal means no plan knows how many of them a task may take. Once the state is there, arithmetic
does: before the first step, so that a schedule of the learning rate knows its length, and alike on
every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, groupby, repeat

from methods.base import neutral
from orchestrator.errors import RepertoireError
from orchestrator.stages.learning.task_price import TaskPrice

STEP_BUDGET = "training.step_budget"  # its place in the schedule of a trial
GrowthFlops = tuple[int, int, int]  # FLOPs of the first step, of each step, of consolidation


@dataclass(frozen=True, kw_only=True)
class StepBudget:
    """The FLOPs that a task may take, and its price without what has grown; part of a key.

    Attributes:
        flops: of training and consolidation, at most.
        batches: of an epoch, in order: (how many alike, examples, FLOPs of the steps on each).
        epoch, consolidation, interval, uneven_epochs, measure: see `TaskPrice`.
    """

    flops: float
    batches: tuple[tuple[int, int, int], ...]
    epoch: int
    consolidation: int
    interval: int | None = neutral(None)
    uneven_epochs: int = neutral(0)
    measure: int | None = neutral(None)

    @property
    def price(self) -> TaskPrice:
        """The price of the task without what has grown."""
        alike = [repeat((size, flops), count) for count, size, flops in self.batches]
        pairs = [*chain.from_iterable(alike)]
        return TaskPrice(
            epoch=self.epoch,
            batches=tuple(flops for _, flops in pairs),
            consolidation=self.consolidation,
            sizes=tuple(size for size, _ in pairs),
            interval=self.interval,
            uneven_epochs=self.uneven_epochs,
            measure=self.measure,
        )

    def iterations(self, growth: GrowthFlops) -> int:
        """Return the most iterations that the budget allows.

        Args:
            growth: of the state that the task begins with; see `TrainingHooks.growth_flops`.

        Raises:
            RepertoireError: it does not even allow one.
        """
        price = self.price.add(*growth)
        number = price.most_iterations(self.flops)
        if not number:
            raise RepertoireError(
                f"one step and consolidation take {price.flops(1):,} FLOP with what was learned "
                f"before, and the budget is {self.flops:,.0f} FLOP: growth_flops must be largest "
                "in a method as it is built"
            )
        return number


def create_step_budget(flops: float, price: TaskPrice) -> StepBudget:
    """Return the budget of a task, given its price without what will have grown."""
    alike = groupby(zip(price.sizes, price.batches, strict=True))
    return StepBudget(
        flops=flops,
        batches=tuple((len([*group]), *pair) for pair, group in alike),
        epoch=price.epoch,
        consolidation=price.consolidation,
        interval=price.interval,
        uneven_epochs=price.uneven_epochs,
        measure=price.measure,
    )

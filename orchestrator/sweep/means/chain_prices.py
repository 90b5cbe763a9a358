"""The prices of the tasks of a chain, which may depend on the steps that were taken before.

A method that replays what it was shown stores less where it took few steps. Its price trial takes
an epoch or two on each task, so that a step may cost less than counted: what the network takes for
each stored example that is not there yet (`replay_costs`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from orchestrator.stages.learning.step_budget import GrowthFlops, StepBudget, create_step_budget
from orchestrator.stages.learning.task_price import TaskPrice
from orchestrator.sweep.means.replay_costs import (
    ALL,
    ReplayCosts,
    ReplayFlops,
    replay_costs,
    shown_before_last,
)

TaskPrices = tuple[TaskPrice, ...]


@dataclass(frozen=True)
class ChainPrices:
    """The prices of a trial on one seed.

    Attributes:
        units: of fine-tuning on the tasks 1..T, for one epoch.
        counted: of the method, with the epochs of its price trial on each task before, without what
            grows by what is learned.
        replay: the FLOPs of what the steps on the next batch replay.
        draw: the most stored examples that a step draws from a memory that fills, by the examples
            of its batch.
        growth: the most FLOPs of what grows in each task; () where nothing does.
        repeats: whether the memory fills in every epoch (`Config.stores_repeats`).
    """

    units: TaskPrices
    counted: TaskPrices
    replay: ReplayFlops
    draw: Callable[[int], int]
    growth: tuple[GrowthFlops, ...] = ()
    repeats: bool = False

    def budget(self, task: int, compute: float) -> float:
        """Return the FLOPs of a task, numbered from 0, at `compute` epochs of fine-tuning."""
        return budget_flops(self.units[task], compute)

    def next_price(self, steps: Sequence[int]) -> TaskPrice:
        """Return the price of the next task, given the number of steps on each task before it.

        Where something grows it is the most that it can be.
        """
        task = len(steps)
        price = self._fill_memory(steps) if self._tells_replay else self._settle_steps(task)
        return price.add(*self.growth[task]) if self.growth else price

    def step_budgets(self, compute: float) -> tuple[StepBudget, ...]:
        """Return what decides on the steps of each task where something grows; () elsewhere."""
        # Whatever the steps before will be: all examples of the tasks before are shown.
        return tuple(
            create_step_budget(self.budget(task, compute), self._settle_steps(task))
            for task, _ in enumerate(self.growth)
        )

    def _fill_memory(self, steps: Sequence[int]) -> TaskPrice:
        """Return the price of the next task with what its steps replay, after those before."""
        price, counted = self.counted[len(steps)], self._counted_replay[len(steps)]
        learned = self.counted[: len(steps)]
        before = [each.examples(number) for each, number in zip(learned, steps, strict=True)]
        own = replay_costs(self.replay, before, price.sizes, dict.fromkeys(price.sizes, ALL))
        if own is None or counted is None:
            return price
        alike = replace(price, epoch=sum(price.batches), savings=())
        changes = {size: level - counted.levels[size] for size, level in own.levels.items()}
        full = alike.change(changes)
        return replace(full, epoch=full.epoch - sum(own.savings), savings=own.savings)

    @cached_property
    def _tells_replay(self) -> bool:
        """Return whether the steps of all tasks cost what their replay says, when counted."""
        return all(
            replay is not None and price.epoch + sum(replay.savings) == sum(price.batches)
            for price, replay in zip(self.counted, self._counted_replay, strict=True)
            if price.batches
        )

    @cached_property
    def _counted_replay(self) -> tuple[ReplayCosts | None, ...]:
        """What was replayed in each task when its price was counted; None if nothing says it."""
        shown = [price.shown for price in self.counted]
        return tuple(
            replay_costs(self.replay, shown[:task], price.sizes, shown_before_last(price))
            for task, price in enumerate(self.counted)
        )

    def _settle_steps(self, task: int) -> TaskPrice:
        """Return the price of a task with what the first steps cost, or how many may cost less."""
        price = self.counted[task]
        if self._tells_first_steps(task):
            return price
        cheap = bool(price.batches) and self._has_cheap_steps(price, self.units[task], task > 0)
        # Where each example is stored once, no step of the last of several epochs is cheap.
        rising = price.num_epochs if self.repeats else max(price.num_epochs - 1, 1)
        uneven = rising if cheap else 0
        return replace(price, savings=(), uneven_epochs=uneven)

    def _tells_first_steps(self, task: int) -> bool:
        """Return whether the first steps cost no more than was counted, whatever the seed."""
        price = self.counted[task]
        if not price.savings or self.growth:
            return False
        # A step that draws all that was shown costs no less on another seed, whose memory may store
        # other examples.
        return price.examples(len(price.savings) - 1) < self.draw(price.sizes[0])

    def _has_cheap_steps(self, price: TaskPrice, unit: TaskPrice, later: bool) -> bool:
        """Return whether steps of the first epoch, but its first, may cost less than the last."""
        # A memory that holds a batch more after each step may not have what the next one draws. On
        # a later task the first step replays too, so that its own cost does not show it.
        if later and self.draw(price.sizes[0]) > price.sizes[0]:
            return True
        # A step costs what fine-tuning does, at least: the first alone is not that cheap.
        return price.first_step < unit.batches[0]

    def flops(self, steps: Sequence[int]) -> Iterator[int]:
        """Yield the FLOPs of training and consolidation of each task."""
        for task, number in enumerate(steps):
            yield self.next_price(steps[:task]).flops(number)


def budget_flops(unit: TaskPrice, compute: float) -> float:
    """Return the FLOPs of `compute` epochs of fine-tuning a task, given the price of that."""
    return compute * unit.flops(len(unit.batches))

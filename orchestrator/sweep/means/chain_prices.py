"""The prices of the tasks of a chain, which may depend on the steps that were taken before.

A method that replays what it was shown stores less where it took fewer steps than an epoch. Its
price trial takes an epoch or two on each task, so that a step on a later task may cost less than
counted: what training costs on each stored example that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.stages.build_stages import benchmark_setting
from orchestrator.stages.learning.step_budget import GrowthFlops, StepBudget, create_step_budget
from orchestrator.stages.learning.task_price import TaskPrice
from orchestrator.stages.stage import Stage

TaskPrices = tuple[TaskPrice, ...]
# (examples shown of each task learned, examples of a batch) -> stored examples that a step replays
CountReplayed = Callable[[Sequence[int], int], int | None]


@dataclass(frozen=True)
class ChainPrices:
    """The prices of a trial on one seed.

    Attributes:
        units: of fine-tuning on the tasks 1..T, for one epoch.
        counted: of the method, with the epochs of its price trial on each task before, without what
            grows by what is learned.
        replay: how many stored examples a step of the next task replays.
        draw: the most stored examples that a step draws from a memory that fills, by the examples
            of its batch.
        growth: the most FLOPs of what grows in each task; () where nothing does.
        repeats: whether the memory fills in every epoch (`Config.stores_repeats`).
    """

    units: TaskPrices
    counted: TaskPrices
    replay: CountReplayed
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
        learned, price = self.counted[: len(steps)], self.counted[len(steps)]
        shown = [each.examples(number) for each, number in zip(learned, steps, strict=True)]
        # What the price trial had been shown of each task.
        in_epochs = [each.shown for each in learned]
        unit = self.units[len(steps)]
        changes = {
            size: unit.example
            * ((self.replay(shown, size) or 0) - (self.replay(in_epochs, size) or 0))
            for size in set(price.sizes)
        }
        changed = self._settle_steps(len(steps)).change(changes)
        return changed.add(*self.growth[len(steps)]) if self.growth else changed

    def step_budgets(self, compute: float) -> tuple[StepBudget, ...]:
        """Return what decides on the steps of each task where something grows; () elsewhere."""
        # Whatever the steps before will be: all examples of the tasks before are shown.
        return tuple(
            create_step_budget(self.budget(task, compute), self._settle_steps(task))
            for task, _ in enumerate(self.growth)
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


def replay_rule(stages: Sequence[Stage]) -> CountReplayed:
    """Return the rule of a chain's method for the number of stored examples that a step replays."""
    stage = stages[-1]
    setting, config = benchmark_setting(stage.benchmark, stage.network), stage.method.config
    # Counted once: the rule is asked for each step of each budget.
    sizes = [task.num_train for task in stage.benchmark.tasks()]

    def replay(shown: Sequence[int], size: int) -> int | None:
        # Without the short batch of each epoch further epochs show further examples.
        once = [min(pair) for pair in zip(shown, sizes, strict=False)]
        number: int | None = config.num_replayed(setting, once, size)
        return number

    return replay

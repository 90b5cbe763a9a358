"""The computation dial: the number of steps that a task's FLOPs allow, by arithmetic.

A method learned each task for an epoch or two once, and the FLOPs of that stage were counted. Steps
after the first epoch cost what the dearest of their batch size did (the first step apart, which may
set something up), so the FLOPs of any number of steps follow. What a method measures at intervals
(`Config.without_interval`) is added to them. What it replays of the tasks before may change the
FLOPs of all steps of a task: see `chain_prices`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle, islice, repeat
from math import lcm

from orchestrator.stages.record import Costs


@dataclass(frozen=True)
class TaskPrice:
    """The FLOPs of learning a task.

    Attributes:
        epoch: of all training with one epoch, phases with lengths of their own included, if further
            epochs cost what `batches` say.
        batches: of the steps on each batch of a further epoch, in order; none if the method takes
            no step on the task.
        consolidation: after training, whatever its length.
        sizes: examples of each of the batches.
        interval: steps after each of which the method measures what it otherwise measures in its
            consolidation, on the batch of the step; it also does at the end, if steps are left
            over. None: it does so at the end alone.
        measure: on a full batch, if the last is shorter; `consolidation` is on the last. None: in
            proportion to their examples.
        uneven_epochs: the first epochs that have steps which may cost less than `batches` say, the
            first step apart, such as those that replay a memory which fills; a part of these epochs
            is priced by `batches`.
        savings: by how much each of the first steps costs less than `batches` say, while a memory
            fills; () where this is not known, or the first alone does.
        num_epochs: of the stage that was counted.
        key: of that stage; "" of no stage in particular.
        is_bound: whether FLOPs are the most that they can be, which depends on what is learned.
    """

    epoch: int
    batches: tuple[int, ...]
    consolidation: int
    sizes: tuple[int, ...] = ()
    interval: int | None = None
    measure: int | None = None
    uneven_epochs: int = 0
    savings: tuple[int, ...] = ()
    num_epochs: int = 1
    key: str = ""
    is_bound: bool = False

    def flops(self, iterations: int) -> int:
        """Return the FLOPs of training for a number of iterations, and consolidation."""
        return self.training_flops(iterations) + self.consolidation_flops(iterations)

    def training_flops(self, iterations: int) -> int:
        """Return the FLOPs of training for a number of iterations."""
        if not self.batches:
            return self.epoch
        epochs, rest = divmod(iterations, len(self.batches))
        whole, part = sum(self.batches), sum(self.batches[:rest])
        # `epoch` has all savings, which that of fewer steps does not.
        steps = self.epoch + (epochs - 1) * whole + part + sum(self.savings[iterations:])
        if epochs < self.uneven_epochs:
            counted = self.epoch + (self.uneven_epochs - 1) * whole
            steps = min(epochs * whole + part, counted)
        return steps + self._interval_flops(iterations)

    def consolidation_flops(self, iterations: int) -> int:
        """Return the FLOPs of consolidation after a number of iterations."""
        if self.interval is None or not self.batches:
            return self.consolidation
        rest = iterations % self.interval
        return self._measure(self.sizes[(iterations - 1) % len(self.sizes)]) if rest else 0

    def most_iterations(self, budget: float) -> int:
        """Return the largest number of iterations whose FLOPs a budget allows; 0 if not even one.

        Where no iteration costs anything, one epoch is the answer; one where there is no batch.
        """
        if self.flops(1) > budget:
            return 0
        period = len(self.batches) * (self.interval or 1)  # iterations, whose FLOPs repeat
        cost = sum(self.batches) * (self.interval or 1) + self._interval_flops(period)
        if not cost:
            return max(len(self.batches), 1)
        # Below 0 where the first epochs cost less than further ones.
        upper = period * ((int(budget) - min(self.epoch, 0)) // cost + 2)
        least = self.consolidation if self.interval is None else 0
        most = bisect_right(range(1, upper), budget - least, key=self.training_flops)
        while self.flops(most) > budget:  # a short last interval may cost more than a step
            most -= 1
        return most

    def examples(self, iterations: int) -> int:
        """Return the number of examples that some iterations train on, repeats counted."""
        epochs, rest = divmod(iterations, max(len(self.sizes), 1))
        return epochs * sum(self.sizes) + sum(self.sizes[:rest])

    @property
    def shown(self) -> int:
        """The number of examples that the stage that was counted trained on, repeats counted."""
        return self.examples(self.num_epochs * len(self.sizes))

    @property
    def stage_flops(self) -> int:
        """The FLOPs of training and consolidation of the stage that was counted."""
        return self.flops(self.num_epochs * len(self.batches))

    @property
    def example(self) -> int:
        """The FLOPs of one more example in a batch."""
        large, small = (self.sizes[0], self.batches[0]), (self.sizes[-1], self.batches[-1])
        if large == small:
            return large[1] // large[0]
        return (large[1] - small[1]) // (large[0] - small[0])

    def change(self, by_size: Mapping[int, int]) -> TaskPrice:
        """Return the price where steps on batches of a size cost more FLOPs, or fewer."""
        changes = [by_size[size] for size in self.sizes]
        batches = tuple(b + more for b, more in zip(self.batches, changes, strict=True))
        return replace(self, epoch=self.epoch + sum(changes), batches=batches)

    def add(self, first: int, each: int, consolidation: int) -> TaskPrice:
        """Return the price with at most so many FLOPs more: of the first step, each, and after."""
        batches = tuple(flops + each for flops in self.batches)
        epoch = self.epoch + bool(batches) * first + len(batches) * each
        after = self.consolidation + consolidation
        measure = None if self.measure is None else self.measure + consolidation
        grown = replace(self, epoch=epoch, batches=batches, consolidation=after, measure=measure)
        return replace(grown, is_bound=True)

    @property
    def fixed_flops(self) -> int:
        """The FLOPs that a single step comes with: phases of lengths of their own, and set-up."""
        step = sum(self.batches[:1]) - sum(self.savings[:1])
        return max(self.training_flops(1) - self._interval_flops(1) - step, 0)

    @property
    def first_step(self) -> int:
        """The FLOPs of the first step, if the others cost what `batches` say."""
        return self.epoch - sum(self.batches[1:])

    def _interval_flops(self, iterations: int) -> int:
        if self.interval is None:
            return 0
        # The last batch of an epoch may be short.
        short = iterations // lcm(self.interval, len(self.sizes))
        full = iterations // self.interval - short
        return full * self._measure(self.sizes[0]) + short * self._measure(self.sizes[-1])

    def _measure(self, examples: int) -> int:
        # Counted when the epoch ended, on its last batch.
        if self.measure is None or examples == self.sizes[-1]:
            return self.consolidation * examples // self.sizes[-1]
        return self.measure


def price_from_costs(costs: Costs, num_epochs: int = 1) -> TaskPrice | None:
    """Return the price of a task from the costs of its stage with some epochs.

    None: the record is of a release that did not note the FLOPs of batches.
    """
    sizes = sorted(map(int, costs.batch_flops), reverse=True)
    # Only the last batch of an epoch may be short.
    batches = [
        (size, flops)
        for size, (count, flops) in ((n, costs.batch_flops[str(n)]) for n in sizes)
        for _ in range(count // num_epochs)
    ]
    if not batches and costs.samples:
        return None
    further = (num_epochs - 1) * sum(flops for _, flops in batches)
    batch_sizes = tuple(size for size, _ in batches)
    return TaskPrice(
        epoch=costs.train_flops - further,
        batches=tuple(flops for _, flops in batches),
        consolidation=costs.consolidate_flops,
        measure=costs.interval_flops,
        sizes=batch_sizes,
        savings=step_savings(batch_sizes, costs) if costs.rising_steps else (),
        num_epochs=num_epochs,
    )


def step_savings(sizes: Sequence[int], costs: Costs) -> tuple[int, ...]:
    """Return by how much each step costs less than the last of its size, up to the last that does.

    Args:
        sizes: examples of each batch of an epoch.
        costs: with `rising_steps`, of a stage of whole epochs.
    """
    runs = {size: costs.rising_steps[str(size)] for size in set(sizes)}
    flops = {
        size: chain.from_iterable(repeat(flops, number) for number, flops in each)
        for size, each in runs.items()
    }
    steps = islice(cycle(sizes), costs.num_batches)
    savings = [runs[size][-1][1] - next(flops[size]) for size in steps]
    while savings and not savings[-1]:
        savings.pop()
    return tuple(savings)

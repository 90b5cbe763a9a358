"""Price trials: a method learns each task for an epoch or two, and its FLOPs are counted.

The stages of a price trial are stored like any others, so that a price is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import ceil
from typing import Any, Protocol

from methods.finetune import Finetune
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.task_price import TaskPrice, price_from_costs
from orchestrator.stages.record import Record, RecordRequest
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.record_cache import NO_TASKS
from orchestrator.sweep.means.alike_seeds import for_all_seeds, priced_seeds, task_sizes
from orchestrator.sweep.means.chain_prices import ChainPrices, TaskPrices, budget_flops
from orchestrator.sweep.means.growth import most_growth
from orchestrator.sweep.means.replay_costs import replay_flops
from orchestrator.sweep.means.storage import memories
from orchestrator.sweep.trial import Trial

# The options that say for how long a task is trained, and what follows from it.
NO_LENGTH: Mapping[str, Any] = {
    "iterations": None,
    "schedule": "constant",
    "early_stopping": None,
}


class PriceRecords(Protocol):
    """The part of a store that prices are read from."""

    def records(self, requests: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        """Return the records that exist of stages (key) scored on tasks (task keys)."""

    def failure(self, key: str) -> str | None:
        """Return the story of the last attempt if it failed, else None."""


class Unpriced(Exception):
    """A trial has no price yet."""


class Unpriceable(Exception):
    """A price trial did not end well.

    Attributes:
        status: "failed" or "diverged".
    """

    def __init__(self, status: str, story: str) -> None:
        super().__init__(f"while its price was counted, over an epoch or two: {story}")
        self.status = status


def price_trial(trial: Trial) -> Trial:
    """Return the trial whose stages price the tasks of a trial.

    A method that measures at intervals does so at the end of a task alone, and one that grows by
    what it learns does not grow; `chain_prices` adds the rest. See `priced_seeds` for its seeds.
    """
    training = replace(trial.training, epochs=price_epochs(trial), **NO_LENGTH)
    method = trial.method
    if (small := method.config.without_growth()) is not None:
        method = replace(method, config=small)
    # Steps between measurements cost alike only without them; their cost is added by interval.
    if (even := method.config.without_interval()) is not None:
        method = replace(method, config=even[0])
    trial = replace(trial, method=method, training=training, schedule=(), schedules={})
    return replace(trial, seeds=priced_seeds(trial))


def price_epochs(trial: Trial) -> int:
    """Return the number of epochs that price a trial: those after which further steps cost alike.

    One, if in that of each task a full batch comes twice, and the memory has all that a step draws
    before the last; else two, since a memory stores each example once. As many as give it what a
    step draws, where it stores an example again in each epoch, or an epoch leaves out the last
    batch.
    """
    sizes = task_sizes(trial)
    # The smallest task takes the most, unless epochs leave out different shares of tasks.
    judged = sizes if trial.training.drop_last else {min(sizes)}
    return max(epochs_to_fill(trial, size) for size in judged)


def epochs_to_fill(trial: Trial, size: int) -> int:
    """Return the epochs of a task of `size` examples after which further steps cost alike."""
    config = trial.method.config
    batch = min(trial.training.batch_size, size)
    shown = size // batch * batch if trial.training.drop_last else size
    drawn: int = config.num_drawn(batch)
    if shown >= batch + max(batch, drawn):
        return 1
    most = size
    if config.stores_repeats:
        most = sum(memory.capacity for memory in memories(trial, trial.seeds[0]))
    return max(2, ceil((batch + min(drawn, most)) / shown))


def chain_prices(
    trial: Trial, units: Iterable[TaskPrices], counted: Iterable[TaskPrices]
) -> tuple[ChainPrices, ...]:
    """Return the prices of a trial, for each seed.

    Args:
        trial: with its memory set.
        units: the prices of its unit trial, for each seed.
        counted: those of its price trial.
    """
    config = trial.method.config
    even, draw, repeats = config.without_interval(), config.num_drawn, config.stores_repeats
    interval = None if even is None else even[1]
    own = (tuple(replace(p, interval=interval) for p in prices) for prices in counted)
    chains = (trial.stages(seed) for seed in priced_seeds(trial))
    return tuple(
        ChainPrices(unit, prices, replay_flops(stages), draw, most_growth(stages), repeats)
        for unit, prices, stages in zip(units, own, chains, strict=True)
    )


def budgets_by_seed(
    trial: Trial, units: Iterable[TaskPrices], compute: float
) -> dict[int, tuple[float, ...]]:
    """Return seed -> the FLOPs that a budget allows each task.

    Args:
        trial: with any memory.
        units: the prices of its unit trial, for each seed that is priced.
        compute: the budget, in epochs of fine-tuning.
    """
    return for_all_seeds(
        trial, [tuple(budget_flops(unit, compute) for unit in prices) for prices in units]
    )


def unit_trial(trial: Trial) -> Trial:
    """Return the trial that prices fine-tuning on the tasks of a trial: the unit of computation."""
    finetune = create_component("method", "finetune", Finetune.Config())
    network = trial.network
    if getattr(network.config, "train", None) == "none":  # of a body whose head may learn
        network = replace(network, config=replace(network.config, train="head"))
    # An epoch is all examples, also where a method's training leaves out the last short batch.
    training = replace(trial.training, drop_last=False)
    return price_trial(
        replace(trial, method=finetune, network=network, training=training, selection={})
    )


def read_prices(trial: Trial, records: PriceRecords) -> tuple[TaskPrices, ...]:
    """Return the prices of the tasks 1..T, for each seed of a price trial.

    Raises:
        Unpriced: not all of its stages are stored.
        Unpriceable: a stage diverged or failed.
    """
    return tuple(read_chain_prices(trial.stages(seed), records) for seed in trial.seeds)


def read_chain_prices(stages: tuple[Stage, ...], records: PriceRecords) -> TaskPrices:
    """Return the prices of the tasks 1..T from the records of a chain; see `read_prices`."""
    stored = {key: r for (key, _), r in records.records((s.key, NO_TASKS) for s in stages).items()}
    return tuple(task_price(stage, stored, records) for stage in stages[1:])


def task_price(stage: Stage, stored: Mapping[str, Record], records: PriceRecords) -> TaskPrice:
    """Return the price of the task of a stage; see `read_prices`."""
    record = stored.get(stage.key)
    if record is None:
        story = records.failure(stage.key)
        raise Unpriced if story is None else Unpriceable("failed", story)
    if record.status == "diverged":
        raise Unpriceable("diverged", record.story)
    price = price_from_costs(record.costs, stage.training.epochs)
    if price is None:
        raise Unpriceable("failed", "its stage was stored by a release that counted no batches")
    return replace(price, key=stage.key)

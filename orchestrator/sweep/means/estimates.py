"""The FLOPs of cells that are not priced, from those of one step of their network.

Either their prices are not counted yet, or their computation is free, so that they need none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from orchestrator.stages.learning.training import Training
from orchestrator.stages.stage import Stage
from orchestrator.sweep.means.cells import Cell, is_ready
from orchestrator.sweep.means.network_flops import example_flops
from orchestrator.sweep.means.prices import unit_trial
from orchestrator.sweep.means.replay_costs import (
    ALL,
    CountReplayed,
    replay_costs,
    replay_rule,
)
from orchestrator.sweep.trial import Trial


def estimate_budgets(cells: Iterable[Cell]) -> tuple[float, float]:
    """Return the FLOPs that cells may spend on all seeds, and those where they share stages.

    A cell spends its budget or less. Stages are shared by cells of equal computation whose chains
    begin alike, such as those of a method without a dial of storage at all storages.

    Args:
        cells: whose prices are missing.
    """
    before, by_stage, units = 0.0, dict[tuple[str, float], float](), dict[str, float]()
    for cell in cells:
        unit, compute = cell.prices[0], cell.compute or 0.0
        if unit.identity not in units:
            units[unit.identity] = example_flops(unit.stages(unit.seeds[0])[1]).learned
        for seed in cell.trial.seeds:
            stages = cell.trial.stages(seed)
            epoch = [units[unit.identity] * task.num_train for task in stages[0].benchmark.tasks()]
            before += compute * sum(epoch)
            keys = [(stage.key, compute) for stage in stages[1:]]
            by_stage |= dict(zip(keys, (compute * flops for flops in epoch), strict=True))
    return before, sum(by_stage.values())


def estimate_free(cells: Iterable[Cell]) -> tuple[float, float]:
    """Return the FLOPs of cells of free computation, and those where they share stages.

    They are those of the network's steps, on all seeds, on new examples and on those that a step
    replays if the method says how many. What else it adds, such as candidates that it compares, a
    generator or consolidation, is left out: nothing says how much it is before the method runs.
    """
    free = (cell.trial for cell in cells if cell.compute is None and is_ready(cell))
    chains = list(network_steps(free))
    return sum(sum(each.values()) for each in chains), sum_stages(chains)


def estimate_prices(trials: Iterable[Trial]) -> float:
    """Return the FLOPs of the network's steps in the stages of price trials, each stage once.

    They are a lower bound of the prices: see `estimate_free` for what is left out.
    """
    return sum_stages(network_steps(trials))


def sum_stages(chains: Iterable[dict[str, float]]) -> float:
    """Return the FLOPs of the stages of chains (key -> FLOPs), each stage once."""
    by_stage: dict[str, float] = {}
    for each in chains:
        by_stage |= each
    return sum(by_stage.values())


def network_steps(trials: Iterable[Trial]) -> Iterator[dict[str, float]]:
    """Yield, for each trial and seed, key -> FLOPs of the network's steps in a stage."""
    units: dict[str, float] = {}
    for trial in trials:
        unit = unit_trial(trial)
        if unit.identity not in units:
            units[unit.identity] = example_flops(unit.stages(unit.seeds[0])[1]).learned
        for seed in trial.seeds:
            stages = trial.stages(seed)
            steps = [units[unit.identity] * n for n in examples_shown(trial, stages)]
            yield dict(zip((stage.key for stage in stages[1:]), steps, strict=True))


def examples_shown(trial: Trial, stages: tuple[Stage, ...]) -> Iterator[int]:
    """Yield the number of examples that the steps of each task train on, repeats counted.

    Those that a step replays are counted where the method says how many (`Config.num_replayed`).
    """
    method, replay = trial.method.cls, replay_rule(stages)
    shown: list[int] = []
    sizes = [task.num_train for task in stages[0].benchmark.tasks()]
    for size in accumulate(sizes) if method.trains_on == "seen" else sizes:
        steps = steps_on_task(trial.training, size) if method.takes_steps else []
        new = sum(steps)
        yield new + count_replayed(replay, shown, steps)
        shown.append(new)


def count_replayed(replay: CountReplayed, before: Sequence[int], steps: Sequence[int]) -> int:
    """Return the stored examples that the steps on a task learn; 0 if nothing says how many.

    Args:
        replay: the rule of the method.
        before: examples shown of each task before.
        steps: examples of the batch of each step.
    """

    def learned(shown: Sequence[int], size: int) -> int | None:
        replayed = replay(shown, size)
        return None if replayed is None else replayed.learned

    costs = replay_costs(learned, before, steps, dict.fromkeys(steps, ALL))
    if costs is None:
        return 0
    return sum(costs.levels[size] for size in steps) - sum(costs.savings[: len(steps)])


def steps_on_task(training: Training, size: int) -> list[int]:
    """Return examples of the batch of each step on a task of `size` examples."""
    batch = min(training.batch_size, size)
    if training.iterations is not None:
        return [batch] * training.iterations
    return ([batch] * (size // batch) + [size % batch] * (size % batch > 0)) * training.epochs


def pass_flops(trial: Trial) -> float:
    """Return the FLOPs of a pass of fine-tuning over the first task, by a step on two examples."""
    stages = unit_trial(replace(trial, seeds=trial.seeds[:1])).stages(trial.seeds[0])
    return example_flops(stages[1]).learned * stages[0].benchmark.tasks()[0].num_train

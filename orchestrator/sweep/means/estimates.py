"""The FLOPs of cells that are not priced, from those of one step of their network.

Either their prices are not counted yet, or their computation is free, so that they need none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate

import torch

from methods.base import input_dtype
from orchestrator.stages.build_stages import network_shape
from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.learning.training import Training
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method
from orchestrator.sweep.means.cells import Cell, is_ready
from orchestrator.sweep.means.chain_prices import replay_rule
from orchestrator.sweep.means.prices import unit_trial
from orchestrator.sweep.trial import Trial

EXAMPLES = 2  # of the step, since batch normalisation takes no single one


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
            units[unit.identity] = example_flops(unit.stages(unit.seeds[0]))
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
    replays if the method says how many. What else it adds, such as the replay of a sample or
    consolidation, is left out: nothing says how much it is before the method runs.
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
            units[unit.identity] = example_flops(unit.stages(unit.seeds[0]))
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
        steps = steps_by_size(trial.training, size) if method.takes_steps else {}
        yield sum(n * (batch + (replay(shown, batch) or 0)) for batch, n in steps.items())
        shown.append(sum(n * batch for batch, n in steps.items()))


def steps_by_size(training: Training, size: int) -> dict[int, int]:
    """Return examples of a batch -> steps on such batches, on a task of `size` examples."""
    batch = min(training.batch_size, size)
    if training.iterations is not None:
        return {batch: training.iterations}
    steps = {batch: training.epochs * (size // batch), size % batch: training.epochs}
    return {examples: number for examples, number in steps.items() if examples}


def pass_flops(trial: Trial) -> float:
    """Return the FLOPs of a pass of fine-tuning over the first task, by a step on two examples."""
    stages = unit_trial(replace(trial, seeds=trial.seeds[:1])).stages(trial.seeds[0])
    return example_flops(stages) * stages[0].benchmark.tasks()[0].num_train


def example_flops(stages: tuple[Stage, ...]) -> float:
    """Return the FLOPs for an example in a step of a unit trial, by a step on two examples."""
    method, shape = build_method(stages[1], None, 0), network_shape(stages[1].benchmark)
    x = torch.zeros((EXAMPLES, *shape.input_shape), dtype=input_dtype(shape.input_shape))
    with FlopCounter() as counter:
        method.network(x).sum().backward()
    return float(counter.total / EXAMPLES)

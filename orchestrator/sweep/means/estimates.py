"""The FLOPs of cells whose prices are not counted yet, from those of one step of their network."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from methods.base import input_dtype
from orchestrator.stages.build_stages import network_shape
from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method
from orchestrator.sweep.means.cells import Cell

EXAMPLES = 2  # of the step, since batch normalisation takes no single one


def estimate_budgets(cells: Iterable[Cell]) -> tuple[float, float]:
    """Return the FLOPs that cells may spend on all seeds, and those where they share stages.

    A cell spends its budget or less. Stages are shared by cells of equal computation whose chains
    begin alike, such as those of a method without a dial of storage at all storages.

    Args:
        cells: whose prices are missing.
    """
    before, by_stage, units = 0.0, dict[tuple[str, float], float](), dict[str, list[float]]()
    for cell in cells:
        unit, compute = cell.prices[0], cell.compute or 0.0
        if unit.identity not in units:
            # Tasks of other seeds differ little in size.
            units[unit.identity] = fine_tuning_flops(unit.stages(unit.seeds[0]))
        budgets = [compute * flops for flops in units[unit.identity]]
        for seed in cell.trial.seeds:
            before += sum(budgets)
            keys = [(stage.key, compute) for stage in cell.trial.stages(seed)[1:]]
            by_stage |= dict(zip(keys, budgets, strict=True))
    return before, sum(by_stage.values())


def fine_tuning_flops(stages: tuple[Stage, ...]) -> list[float]:
    """Return the FLOPs of an epoch of fine-tuning on each task, by those of a step on two examples.

    Args:
        stages: of a unit trial.
    """
    tasks = stages[-1].benchmark.tasks()
    method, shape = build_method(stages[1], None, 0), network_shape(stages[1].benchmark)
    x = torch.zeros((EXAMPLES, *shape.input_shape), dtype=input_dtype(shape.input_shape))
    with FlopCounter() as counter:
        method.network(x).sum().backward()
    return [counter.total / EXAMPLES * task.num_train for task in tasks]

"""The FLOPs of what grows by what is learned, at the most that it can be.

A price trial of such a method learns without growth (`Config.without_growth`), since how far its
state grows depends on its steps. What the growth costs follows from sizes, which are largest in a
method as it is built.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method
from orchestrator.sweep.means.steps import TaskPrice

GrowthFlops = tuple[int, int, int]  # FLOPs of the first step, of each step, of consolidation

# By the key of the stage: it has a cell for each budget.
_GROWTH: dict[str, GrowthFlops] = {}


def add_growth(prices: Sequence[TaskPrice], stages: Sequence[Stage]) -> tuple[TaskPrice, ...]:
    """Return the prices of tasks with the most that growth can cost in each.

    Args:
        prices: of the tasks 1..T, without growth.
        stages: of the chain, from stage 0 on.
    """
    if stages[-1].method.config.without_growth() is None:
        return tuple(prices)
    pairs = zip(prices, stages[1:], strict=True)
    return tuple(price.add(*find_growth(stage)) for price, stage in pairs)


def find_growth(stage: Stage) -> GrowthFlops:
    """Return the most FLOPs of growth in a stage."""
    if stage.key not in _GROWTH:
        _GROWTH[stage.key] = build_method(stage, None, stage.after - 1).growth_flops()
    return _GROWTH[stage.key]

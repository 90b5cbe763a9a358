"""The FLOPs of what grows by what is learned, at the most that it can be.

A price trial of such a method learns without growth (`Config.without_growth`), since how far its
state grows depends on its steps. What the growth costs follows from sizes, which are largest in a
method as it is built. A sweep is solved for these, so that what fits does so for certain; a task
takes the steps that what really has grown allows (`StepBudget`).
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.stages.learning.step_budget import GrowthFlops
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method

# By the key of the stage: it has a cell for each budget. Those of the latest sweeps, since a
# process may plan one after the other for weeks.
_GROWTH: dict[str, GrowthFlops] = {}
MOST_STAGES = 10_000


def most_growth(stages: Sequence[Stage]) -> tuple[GrowthFlops, ...]:
    """Return the most FLOPs of growth in each of the tasks 1..T; () where nothing grows.

    Args:
        stages: of the chain, from stage 0 on.
    """
    if stages[-1].method.config.without_growth() is None:
        return ()
    return tuple(map(find_growth, stages[1:]))


def find_growth(stage: Stage) -> GrowthFlops:
    """Return the most FLOPs of growth in a stage."""
    if stage.key not in _GROWTH:
        if len(_GROWTH) >= MOST_STAGES:
            del _GROWTH[next(iter(_GROWTH))]  # the oldest
        _GROWTH[stage.key] = build_method(stage, None, stage.after - 1).growth_flops()
    return _GROWTH[stage.key]

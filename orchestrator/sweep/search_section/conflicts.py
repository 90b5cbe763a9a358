"""Options of a search section that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.search_section.algorithms import Grid, HyperOpt, PerTask, Random
from orchestrator.sweep.search_section.schedulers import Fifo, Pbt


def find_conflicts(
    section: Any, algorithm: Any, scheduler: Any, objective: Objective | None
) -> Iterator[str]:
    """Yield the options of a search section that exclude each other; None is an unreadable one."""
    early = scheduler is not None and not isinstance(scheduler, Fifo)
    several = objective is not None and len(objective.metrics) > 1
    if early and several:
        yield "search.scheduler: several metrics give no single order; leave it out"
    if isinstance(algorithm, HyperOpt) and several:
        yield "search.algorithm: hyperopt knows one metric; use optuna, random or grid"
    if isinstance(scheduler, Pbt) and not isinstance(algorithm, Grid | Random | None):
        yield "search.scheduler: pbt draws its candidates itself; use algorithm: random"
    if isinstance(algorithm, PerTask):
        given = {
            "scheduler": early,
            "on_tasks": section.on_tasks is not None,
            "num_trials": section.num_trials is not None,
            "seeds": section.seeds is not None,
            # At its default it need not be refused, whether it was written or not.
            "metric": section.metric != "acc",
            "mode": section.mode is not None,
        }
        why = "has no meaning for per_task, which selects at each task within each seed"
        yield from (f"search.{name}: {why}; leave it out" for name in given if given[name])
    if section.on_tasks is not None and isinstance(scheduler, Pbt):
        yield "search.on_tasks: pbt changes hyperparameters over all tasks; leave it out"

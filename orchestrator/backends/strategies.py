"""Those who draw candidates and decide about them, by what a sweep asks for."""

from __future__ import annotations

from orchestrator.search.ports import Fifo as FifoScheduler
from orchestrator.search.ports import Sampler, Scheduler
from orchestrator.search.samplers import GridSampler, RandomSampler
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.strategies import Fifo, Grid, Random


def sampler(search: Search, group: Group, seed: int) -> Sampler:
    """Return who draws from a group's space; Ray Tune is only imported for what it ships."""
    if isinstance(search.algorithm, Grid):
        return GridSampler(group.space)
    if isinstance(search.algorithm, Random):
        return RandomSampler(group.space, seed)
    from orchestrator.backends.tune_searchers import TuneSampler

    return TuneSampler.of(search, group.space, seed)


def scheduler(search: Search, group: Group, goal: int, seed: int) -> Scheduler:
    """Return who decides about candidates that learn `goal` tasks."""
    if isinstance(search.scheduler, Fifo):
        return FifoScheduler()
    from orchestrator.backends.tune_schedulers import TuneScheduler

    return TuneScheduler.of(search, group.space, goal, seed)

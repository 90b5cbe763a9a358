"""Samplers, schedulers and queues of trials, by what a sweep asks for and the backend."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.graph.evaluation import FirstInFirstOut, QueueOf, TrialQueue
from orchestrator.search.ports import Fifo as FifoScheduler
from orchestrator.search.ports import Sampler, Scheduler
from orchestrator.search.sampling import GridSampler, RandomSampler
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.strategies import Fifo, Grid, Random


def sampler(search: Search, group: Group, seed: int) -> Sampler:
    """Return the sampler for a group; Ray Tune is only imported for what it ships."""
    if isinstance(search.algorithm, Grid):
        return GridSampler(group.space)
    if isinstance(search.algorithm, Random):
        return RandomSampler(group.space, seed)
    from orchestrator.backends.tune_searchers import TuneSampler

    return TuneSampler.of(search, group.space, seed)


def scheduler(search: Search, group: Group, goal: int, seed: int) -> Scheduler:
    """Return the scheduler of candidates that learn `goal` tasks."""
    if isinstance(search.scheduler, Fifo):
        return FifoScheduler()
    from orchestrator.backends.tune_schedulers import TuneScheduler

    return TuneScheduler.of(search, group.space, goal, seed)


def trial_queues(backend: str) -> QueueOf:
    """Return what creates the queue of an evaluation's trials: Tune's objects on Ray.

    They decide nothing that `FirstInFirstOut` does not, so this process needs no Ray for it.
    """
    if backend == "inline":
        return FirstInFirstOut

    def queue_of(trial_ids: Sequence[str]) -> TrialQueue:
        from orchestrator.backends.tune_trials import TuneTrials

        return TuneTrials(trial_ids)

    return queue_of

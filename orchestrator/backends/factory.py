"""The table of backends, and the samplers and schedulers that a sweep names.

Ray Tune and Optuna are imported only where a sweep asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from orchestrator.backends.inline import Inline
from orchestrator.backends.ray_backend import OnRay, Say
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import CreateQueue, FirstInFirstOut, TrialQueue
from orchestrator.search.ports import FifoScheduler, Sampler, Scheduler
from orchestrator.search.sampling import GridSampler, RandomSampler
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_options import Fifo, Grid, Optuna, Random, Search


def create_sampler(search: Search, group: Group, seed: int) -> Sampler:
    """Return the sampler for a group.

    Raises:
        RepertoireError: a package is missing, or a class of the user's own cannot be used.
    """
    algorithm, modes = search.algorithm, search.objective.modes
    if isinstance(algorithm, Grid):
        return GridSampler(group.space)
    if isinstance(algorithm, Random):
        return RandomSampler(group.space, seed)
    if isinstance(algorithm, Optuna):
        from orchestrator.backends.optuna_sampler import OptunaSampler

        return OptunaSampler(algorithm, group.space, modes, seed)
    from orchestrator.backends.tune_searchers import TuneSampler

    return TuneSampler(algorithm, group.space, modes, seed)


def create_scheduler(search: Search, group: Group, goal: int, seed: int) -> Scheduler:
    """Return a scheduler for candidates that learn `goal` tasks.

    Raises:
        RepertoireError: a class of the user's own cannot be used.
    """
    if isinstance(search.scheduler, Fifo):
        return FifoScheduler()
    from orchestrator.backends.tune_schedulers import TuneScheduler

    return TuneScheduler.create(search, group.space, goal, seed)


def create_tune_trials(trial_ids: Sequence[str]) -> TrialQueue:
    """Return a queue that holds Tune's objects; trials start as in `FirstInFirstOut`."""
    from orchestrator.backends.tune_trials import TuneTrials

    return TuneTrials(trial_ids)


@dataclass(frozen=True)
class BackendEntry:
    """A backend of the table.

    Attributes:
        open: called with the address of a cluster, if any, and a function that shows a line.
        create_queue: creates the queue of an evaluation's trials.
    """

    open: Callable[[str | None, Say], AbstractContextManager[Backend]]
    create_queue: CreateQueue


BACKENDS: dict[str, BackendEntry] = {
    "inline": BackendEntry(lambda address, say: nullcontext(Inline(say)), FirstInFirstOut),
    "ray": BackendEntry(OnRay, create_tune_trials),
}

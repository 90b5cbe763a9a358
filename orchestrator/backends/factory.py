"""The table of backends, and the samplers and schedulers that a sweep names.

Ray Tune and Optuna are imported only where a sweep asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from orchestrator.backends.inline import Inline
from orchestrator.backends.local_ray import LocalRay
from orchestrator.backends.ray_backend import OnRay, Say, stage_resources
from orchestrator.graph.deadline import StageKind
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import CreateQueue, FirstInFirstOut, TrialQueue
from orchestrator.search.ports import NullScheduler, Sampler, Scheduler
from orchestrator.search.sampling import GridSampler, RandomSampler
from orchestrator.stages.collector import pause_collector
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_section.algorithms import Grid, Optuna, Random
from orchestrator.sweep.search_section.schedulers import Fifo
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.sweep import Sweep


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
    # Imported where they are used: Optuna and Ray delay a sweep that needs neither by seconds.
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
        return NullScheduler()
    from orchestrator.backends.tune_schedulers import TuneScheduler

    return TuneScheduler.create(search, group.space, goal, seed)


def create_tune_trials(trial_ids: Sequence[str]) -> TrialQueue:
    """Return a queue that holds Tune's objects; trials start as in `FirstInFirstOut`."""
    # Nothing is frozen: in Python and in a notebook this process is the user's.
    with pause_collector():
        from orchestrator.backends.tune_trials import TuneTrials

    return TuneTrials(trial_ids)


def check_nodes(
    address: str, sweep: Sweep, store_uri: str, orders: Iterable[StageOrder], say: Say
) -> None:
    """Check every node of a Ray cluster; see `preflight.check_cluster`."""
    from orchestrator.backends.preflight import check_cluster

    check_cluster(address, store_uri, orders, stage_resources(sweep), say)


@dataclass(frozen=True)
class ComputePlace:
    """Where stages are computed.

    Attributes:
        address: of a running cluster, if any.
        wait_seconds: how long to wait for a node with room, if the cluster adds nodes on demand.
        gpu_shares: of a GPU, by kind of stage, that earlier runs recorded.
        local: a Ray on this machine that has been started, closed by the caller.
    """

    address: str | None = None
    wait_seconds: float | None = None
    gpu_shares: Mapping[StageKind, float] = field(default_factory=dict)
    local: LocalRay | None = None


@dataclass(frozen=True)
class BackendEntry:
    """A backend of the table.

    Attributes:
        open: called with the place and a function that shows a line.
        create_queue: creates the queue of an evaluation's trials.
        check: called before a sweep with the address of a cluster, the sweep, its store, the
            stages to run, and a function that shows a line; raises if a node cannot run them.
    """

    open: Callable[[ComputePlace, Say], AbstractContextManager[Backend]]
    create_queue: CreateQueue
    check: Callable[[str, Sweep, str, Iterable[StageOrder], Say], None] = lambda *_: None


BACKENDS: dict[str, BackendEntry] = {
    "inline": BackendEntry(lambda place, say: nullcontext(Inline(say)), FirstInFirstOut),
    "ray": BackendEntry(
        lambda place, say: OnRay(
            place.address, say, place.wait_seconds, place.gpu_shares, place.local
        ),
        create_tune_trials,
        check_nodes,
    ),
}

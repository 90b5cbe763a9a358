"""Simulates a sweep on a virtual cluster, with the driver and the graph of a real run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Observer, drive
from orchestrator.graph.evaluation import Evaluation
from orchestrator.graph.events import ChainEnded, Event, Instruction
from orchestrator.graph.plan import Plan
from orchestrator.graph.virtual_workers import Cost, Usage, VirtualCluster, VirtualWorkers
from orchestrator.stages.collector import pause_collector

STEPS = 10


@dataclass(frozen=True)
class Step:
    """A tenth of the makespan.

    Attributes:
        until: seconds since the start.
        stages: stages finished by then.
        utilisation: share of the slots that were busy since the last step.
        store_bytes: bytes of the sweep's stages in the store by then.
    """

    until: float
    stages: int
    utilisation: float
    store_bytes: float


@dataclass(frozen=True)
class Simulation:
    """The outcome of a simulation; times are slot-seconds unless they are said to be wall time.

    Attributes:
        cluster: the cluster.
        makespan: wall seconds from the first stage to the last.
        shortest: wall seconds of the longest chain, below which no cluster comes.
        stages: stages computed.
        busy: time of these.
        spared_stages, spared: what all chains asked for beyond, shared or in the store already.
        usage: what ran when, and what was lost.
        failed_trials: trials that failed, on any seed.
        store_bytes: bytes of the sweep's stages in the store at the end.
        steps: the course of the run.
    """

    cluster: VirtualCluster
    makespan: float
    shortest: float
    stages: int
    busy: float
    spared_stages: int
    spared: float
    usage: Usage
    failed_trials: int
    store_bytes: float
    steps: tuple[Step, ...]

    @property
    def slots(self) -> int:
        """Stages that the cluster has room for at a time."""
        return self.cluster.nodes * self.cluster.slots

    @property
    def utilisation(self) -> float:
        """Share of the slots that computed what was kept."""
        return self.busy / (self.slots * self.makespan) if self.makespan else 0.0


@pause_collector()
def simulate(
    plan: Plan, costs: Mapping[str, Cost], cluster: VirtualCluster, limit: Callable[[int], int]
) -> Simulation:
    """Run the stages that a plan lacks on a virtual cluster.

    The graph orders the stages and the driver submits them as in a real run; reading, transport
    and the start of processes take no time.

    Args:
        plan: of the sweep.
        costs: key -> seconds and bytes, of every stage of the plan.
        cluster: the cluster.
        limit: returns how many stages the driver submits to so many slots.
    """
    ended = Counter[str]()

    def observe(news: Event | Instruction) -> None:
        if isinstance(news, ChainEnded) and news.status != "complete":
            ended[news.chain[0]] += 1

    usage = _drive_virtually(plan, costs, cluster, limit, observe)
    asked_for = sum(costs[key].seconds for chain in plan.chains for key in chain.keys)
    # What the store had before counts too: the course shows how full it gets.
    stored = sum(costs[key].size for key in plan.stored)
    return Simulation(
        cluster=cluster,
        makespan=max(usage.ends, default=0.0),
        shortest=longest_chain(plan, costs),
        stages=len(usage.ends),
        busy=usage.seconds,
        spared_stages=plan.stages_requested - len(usage.ends),
        spared=asked_for - usage.seconds,
        usage=usage,
        failed_trials=len(ended),
        store_bytes=stored + sum(usage.sizes),
        steps=tuple(list_steps(usage, cluster, stored)),
    )


@pause_collector()
def find_makespan(
    plan: Plan, costs: Mapping[str, Cost], cluster: VirtualCluster, limit: Callable[[int], int]
) -> float:
    """Return the makespan that `simulate` finds, and nothing else."""
    usage = _drive_virtually(plan, costs, cluster, limit, lambda news: None)
    return max(usage.ends, default=0.0)


def _drive_virtually(
    plan: Plan,
    costs: Mapping[str, Cost],
    cluster: VirtualCluster,
    limit: Callable[[int], int],
    observe: Observer,
) -> Usage:
    # A node never runs more stages at a time than there are.
    used = replace(cluster, slots=min(cluster.slots, len(plan.orders) or 1))
    workers = VirtualWorkers(used, costs, limit)
    # The driver and the graph of a real run: only the workers, and so the clock, are virtual.
    drive(Evaluation(plan), workers, observe, Brake())
    return workers.usage


def longest_chain(plan: Plan, costs: Mapping[str, Cost]) -> float:
    """Return the seconds of the longest path of stages that a plan lacks."""
    until: dict[str | None, float] = {None: 0.0}
    for key, parent in plan.links.items():  # parents come first
        until[key] = until[parent] + (0.0 if plan.is_stored(key) else costs[key].seconds)
    return max(until.values())


def list_steps(usage: Usage, cluster: VirtualCluster, stored: float) -> list[Step]:
    """Return the course of a run in STEPS equal steps.

    Args:
        usage: what ran when.
        cluster: where.
        stored: bytes in the store at the start.
    """
    starts, ends, sizes = (np.array(each) for each in (usage.starts, usage.ends, usage.sizes))
    if not len(ends):
        return []
    edges = np.linspace(0.0, ends.max(), STEPS + 1)
    slots = cluster.nodes * cluster.slots
    steps = []
    for begin, end in pairwise(edges):
        done = ends <= end
        # The part of each stage within the step; stages outside of it have a negative length.
        busy = np.clip(np.minimum(ends, end) - np.maximum(starts, begin), 0.0, None).sum()
        share = float(busy / (slots * (end - begin))) if end > begin else 0.0
        size = stored + float(sizes[done].sum())
        steps.append(Step(float(end), int(done.sum()), share, size))
    return steps


def remove_failures(cluster: VirtualCluster) -> VirtualCluster:
    """Return a cluster whose nodes are never lost."""
    return replace(cluster, losses_per_hour=0.0)

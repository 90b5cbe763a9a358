"""A stage as a Ray task: its resources, how its worker died, and when it is retried.

Ray's own retries are off: they neither count stages that run out of memory nor report the cause.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.backends.nodes import Node, parse_node
from orchestrator.backends.stage_needs import larger_needs
from orchestrator.stages.outcomes import StageFailed, StageOutcome
from orchestrator.stages.worker import StageOrder

if TYPE_CHECKING:
    from orchestrator.stages.storage.store import StageStore

Death = Literal["memory", "gpu", "process", "node"]
# A lost node says little about the stage, since cheap machines are taken away often.
MAX_DEATHS: dict[Death, int] = {"memory": 2, "gpu": 2, "process": 3, "node": 10}


@ray.remote(num_cpus=1, max_retries=0)
def stage_task(orders: bytes, store_uri: str, device: str, owner: str) -> list[StageOutcome]:
    """Compute stages on a worker; their states go to the store, their outcomes are returned."""
    from orchestrator.backends.ray_notes import compute_noted_order
    from orchestrator.stages.compute_group import compute_group

    loaded, store = pickle.loads(orders), open_once(store_uri)
    if len(loaded) == 1:
        return [compute_noted_order(loaded[0], store, device, owner)]
    return compute_group(loaded, store, device, owner, compute_noted_order)


@cache
def open_once(store_uri: str) -> StageStore:
    """Return the store of this worker, whose stages share its connections."""
    from orchestrator.stages.storage.store import StageStore

    return StageStore(store_uri)


@dataclass(frozen=True)
class Attempt:
    """A submitted stage.

    Attributes:
        order: the stage.
        deaths: causes of death of earlier attempts; "gpu" is the GPU's memory.
        alone: whether it has a node to itself.
        whole_gpu: whether it has a GPU to itself, if it takes one at all.
        owner: of its lease; the same in all attempts, so that a retry waits for no dead worker.
        beside: siblings that are trained with it; a retry is of each by itself.
    """

    order: StageOrder
    deaths: tuple[Death, ...] = ()
    alone: bool = False
    whole_gpu: bool = False
    owner: str = ""
    beside: tuple[StageOrder, ...] = ()

    def split(self) -> list[Attempt]:
        """Return first attempts of each of its stages by itself."""
        return [Attempt(order, owner=self.owner) for order in (self.order, *self.beside)]

    def next_attempt(self, death: Death) -> Attempt | None:
        """Return the next attempt after a death; None after the last.

        A stage that ran out of memory is retried once, alone on a node; of the GPU's memory, with
        a GPU to itself. The last attempt after deaths by signal is alone, since the kernel's OOM
        killer is not reported to Ray.
        """
        deaths = (*self.deaths, death)
        exhausted = deaths.count("memory") + deaths.count("gpu")
        if deaths.count(death) >= MAX_DEATHS[death] or exhausted > 1:
            return None
        # It had all that there is: no further attempt could have more.
        if self.alone and death != "node":
            return None
        alone = self.alone or death == "memory" or deaths.count("process") == 2
        whole_gpu = self.whole_gpu or alone or death == "gpu"
        return replace(self, deaths=deaths, alone=alone, whole_gpu=whole_gpu)


def living_nodes() -> list[Node]:
    """Return the nodes of the cluster that are alive."""
    listed: Iterable[Mapping[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [parse_node(each) for each in listed if each["Alive"]]


def submit(attempt: Attempt, store_uri: str, needs: Mapping[str, float], node: Node | None) -> Any:
    """Submit an attempt to Ray; return the reference to its outcome.

    Args:
        attempt: what to submit.
        store_uri: the store, as workers reach it.
        needs: {"num_cpus", "num_gpus"} of a stage.
        node: the node that an attempt has to itself, all of its CPUs.
    """
    device = "cuda" if needs["num_gpus"] else "cpu"
    resources = larger_needs(needs, attempt.whole_gpu, node)
    # In a placement group, such as that of a Tune trial, tasks would inherit it and never fit.
    task = stage_task.options(
        scheduling_strategy="DEFAULT", name=f"stage {attempt.order.key[:8]}", **resources
    )
    orders = (attempt.order, *attempt.beside)
    return task.remote(pickle.dumps(orders), store_uri, device, attempt.owner)


def classify_death(error: RayError) -> Death | None:
    """Return the cause of a worker's death; None for an error of another kind."""
    if isinstance(error, RayTaskError):
        return None
    if isinstance(error, OutOfMemoryError):
        return "memory"
    if isinstance(error, NodeDiedError | ObjectLostError):
        return "node"
    return "process" if isinstance(error, WorkerCrashedError) else None


def build_failure(
    attempt: Attempt, error: RayError, needs: Mapping[str, float], node: Node | None
) -> StageFailed:
    """Build StageFailed for a stage whose worker could not report an outcome."""
    key, death = attempt.order.key, classify_death(error)
    if isinstance(error, RayTaskError):  # before it began: its code or store was not there
        return StageFailed(key, f"{type(error.cause).__name__}: {error.cause}\n\n{error}")
    if death is None:
        return StageFailed(key, f"{type(error).__name__}: {error}")
    what = describe_deaths((*attempt.deaths, death))
    return StageFailed(key, f"{what}; {describe_room(attempt, needs, node)}\n\n{error}")


def describe_deaths(deaths: Sequence[Death]) -> str:
    """Return the cause of death of a stage's workers as text.

    Args:
        deaths: one for each attempt, the last at the end.
    """
    if "memory" in deaths:
        return f"out of memory: killed {len(deaths)} times"
    if deaths[-1] == "process":
        return (
            f"the worker of this stage was lost: its process died {len(deaths)} times (killed, out "
            "of memory, or crashed)"
        )
    return f"the worker of this stage was lost: its node died {len(deaths)} times"


def describe_room(attempt: Attempt, needs: Mapping[str, float], node: Node | None) -> str:
    """Return the resources that a stage asked for and had at its last attempt, as text."""
    asked = f"it asked for {needs['num_cpus']:g} CPUs and {needs['num_gpus']:g} GPUs"
    if attempt.alone and node:
        return f"{asked} and had {node} to itself at the last attempt"
    if attempt.whole_gpu and needs["num_gpus"]:
        return f"{asked} and had a GPU to itself at the last attempt"
    return asked


def build_memory_failure(
    attempt: Attempt, failed: StageFailed, needs: Mapping[str, float], node: Node | None
) -> StageFailed:
    """Return the failure of a stage that raised for lack of memory at all its attempts."""
    times = f"{len(attempt.deaths) + 1} attempts"
    what = f"out of memory: {times}; {describe_room(attempt, needs, node)}: {failed.story}"
    return replace(failed, story=what)


def is_cluster_idle() -> bool:
    """Return whether no CPU and no GPU of the cluster is in use."""
    total = ray.cluster_resources()  # type: ignore[no-untyped-call]
    free = ray.available_resources()  # type: ignore[no-untyped-call]
    return all(free.get(name, 0.0) >= total.get(name, 0.0) for name in ("CPU", "GPU"))


@ray.remote(num_cpus=0, max_retries=0)
def ping() -> None:
    """Show that a worker process has started."""


def ask_workers(num_nodes: int = 4) -> Callable[[], bool]:
    """Ask some nodes for a worker process; return a function that says whether any answered.

    This takes no CPU, so that it does not wait for stages that run.
    """
    listed: Iterable[Mapping[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    ids = [each["NodeID"] for each in listed if each["Alive"] and each["Resources"].get("CPU")]
    places = [NodeAffinitySchedulingStrategy(name, soft=False) for name in ids[:num_nodes]]
    answers = [ping.options(scheduling_strategy=place).remote() for place in places]
    return lambda: not answers or bool(ray.wait(answers, timeout=0)[0])

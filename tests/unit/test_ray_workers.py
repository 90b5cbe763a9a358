"""Stages that die on a cluster: who is tried again and how, with a stand-in for Ray."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import (
    LocalRayletDiedError,
    NodeDiedError,
    OutOfMemoryError,
    RayError,
    WorkerCrashedError,
)

from orchestrator.backends import ray_workers
from orchestrator.backends.nodes import MAX_DEMAND, Demand, Node
from orchestrator.backends.ray_head import ClusterLost
from orchestrator.backends.ray_tasks import Attempt
from orchestrator.backends.ray_workers import RayWorkers
from orchestrator.backends.stage_needs import StageNeeds, larger_needs
from orchestrator.graph.events import Event
from orchestrator.stages.outcomes import StageDone, StageFailed, WorkerInfo

NODES = [Node("a", cpus=4, gpus=0, memory=1), Node("b", cpus=2, gpus=0, memory=9)]


class Cluster:
    """Stands in for Ray: an attempt ends at once, as its key says, or dies."""

    def __init__(self, deaths: Mapping[str, list[RayError]]) -> None:
        self.deaths = {key: list(errors) for key, errors in deaths.items()}
        self.submitted: list[tuple[str, Node | None]] = []
        self.gpus: list[float] = []
        self.outcomes: dict[str, list[Event]] = {}
        self.nodes = NODES

    def submit(
        self, attempt: Attempt, store_uri: str, needs: Mapping[str, float], node: Node | None
    ) -> tuple[str, ...]:
        self.submitted.append((attempt.order.key, node))
        self.gpus.append(larger_needs(needs, attempt.whole_gpu, node)["num_gpus"])
        keys = [each.key for each in (attempt.order, *attempt.beside)]
        return *keys, str(len(self.submitted))

    def wait(self, refs: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], Any]:
        return refs[:num_returns], refs[num_returns:]

    def get(self, ref: tuple[str, ...]) -> list[Event]:
        if self.deaths.get(ref[0]):
            raise self.deaths[ref[0]].pop(0)
        outcomes = self.outcomes.get(ref[0])
        if outcomes:
            return [outcomes.pop(0)]
        return [StageDone(key) for key in ref[:-1]]


def workers_of(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster, gpus: Any = 0.0
) -> tuple[RayWorkers, list[str]]:
    lines: list[str] = []
    monkeypatch.setattr(ray_workers, "ray", cluster)
    monkeypatch.setattr(ray_workers, "submit", cluster.submit)
    monkeypatch.setattr(ray_workers, "living_nodes", lambda: cluster.nodes)
    monkeypatch.setattr(ray_workers, "find_worker", lambda key: WorkerInfo("b", 7, "cpu", "last"))
    head: Any = SimpleNamespace(check=lambda: True)
    stall: Any = SimpleNamespace(check=lambda *args: None, reset=lambda: None)
    return RayWorkers("store", StageNeeds(1.0, gpus), head, stall, lines.append), lines


def order(key: str) -> Any:
    stage = SimpleNamespace(
        after=2,
        benchmark=SimpleNamespace(title="split_digits"),
        network=SimpleNamespace(name="mlp"),
        method=SimpleNamespace(name="ewc"),
    )
    return SimpleNamespace(key=key, computed_for=("sweep", "ewc-1", 0), stages=(stage,))


def test_as_many_stages_as_there_is_room_for_and_one_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({})
    assert workers_of(monkeypatch, cluster)[0].slots() == int(6 * 1.25) + 1
    workers, _ = workers_of(monkeypatch, cluster)
    workers._demand = Demand(timed=True)
    assert workers.slots() == 6, "before a deadline no stage waits for another"
    workers._demand = Demand(growing=True)
    assert workers.slots() == 6 + MAX_DEMAND, "all that is ready is demand for new nodes"
    cluster.nodes = []
    assert workers_of(monkeypatch, cluster)[0].slots() == 1


def test_a_stage_that_eats_all_memory_is_tried_alone_then_fails_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({"greedy": [OutOfMemoryError("low")] * 2})
    workers, lines = workers_of(monkeypatch, cluster)
    workers.slots()
    workers.submit(order("greedy"))
    workers.submit(order("modest"))
    assert workers.wait() == [StageDone("modest")]
    assert cluster.submitted[-1] == ("greedy", NODES[1]), "the one with the most memory"
    assert lines == ["ewc-1 seed 0 task 2 ran out of memory; it is retried once, alone on a node"]
    assert workers.slots() == 6 - 2, "room is left for it"
    (failed,) = workers.wait()
    assert isinstance(failed, StageFailed)
    assert failed.story.startswith("out of memory: killed 2 times; it asked for 1 CPUs")
    assert failed.worker == WorkerInfo("b", 7, "cpu", "last")
    assert len(cluster.submitted) == 3
    assert workers.slots() == int(6 * 1.25) + 1


def test_a_lost_node_costs_an_attempt_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster({"a": [NodeDiedError("gone")] * 3})
    workers, lines = workers_of(monkeypatch, cluster)
    workers.submit(order("a"))
    assert [workers.wait() for _ in range(4)] == [[], [], [], [StageDone("a")]]
    assert [node for _, node in cluster.submitted] == [None] * 4
    assert lines == []


def test_a_stage_whose_nodes_are_lost_ten_times_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({"a": [NodeDiedError("gone")] * 10})
    workers, _ = workers_of(monkeypatch, cluster)
    workers.submit(order("a"))
    assert [workers.wait() for _ in range(9)] == [[]] * 9
    (failed,) = workers.wait()
    assert isinstance(failed, StageFailed)
    assert "its node died 10 times" in failed.story


def test_without_ray_on_this_machine_the_run_ends_and_no_trial_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({"a": [NodeDiedError("gone"), LocalRayletDiedError()]})
    workers, _ = workers_of(monkeypatch, cluster)
    workers.submit(order("a"))
    assert workers.wait() == []
    with pytest.raises(ClusterLost, match=r"Ray on this machine was lost .* the same command"):
        workers.wait()
    assert len(cluster.submitted) == 2, "and no attempt more"


def test_siblings_are_one_task_and_tried_apart_if_their_worker_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({"a": [WorkerCrashedError()]})
    workers, _ = workers_of(monkeypatch, cluster)
    workers.submit_together((order("x"), order("y")))
    assert workers.wait() == [StageDone("x"), StageDone("y")]
    workers.submit_together((order("a"), order("b"), order("c")))
    assert [key for key, _ in cluster.submitted] == ["x", "a"]
    assert workers.wait() == [], "which of them killed it is not known"
    assert [key for key, _ in cluster.submitted] == ["x", "a", "a", "b", "c"]
    assert workers.wait() == [StageDone(key) for key in "abc"]


def test_a_process_that_crashes_has_three_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster({"a": [WorkerCrashedError()] * 3})
    workers, lines = workers_of(monkeypatch, cluster)
    workers.slots()
    workers.submit(order("a"))
    outcomes = [workers.wait() for _ in range(3)]
    assert outcomes[:2] == [[], []]
    (failed,) = outcomes[2]
    assert isinstance(failed, StageFailed)
    assert failed.story.startswith("the worker of this stage was lost: its process died 3 times")
    assert [node for _, node in cluster.submitted] == [None, None, NODES[1]]
    assert lines == [
        "ewc-1 seed 0 task 2 lost its process twice; it is retried once, alone on a node"
    ]


def test_a_head_that_does_not_answer_is_asked_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, calls = Cluster({}), list[str]()
    workers, _ = workers_of(monkeypatch, cluster)
    workers.submit(order("a"))
    monkeypatch.setattr(cluster, "wait", lambda refs, num_returns, timeout: ([], refs))
    monkeypatch.setattr(ray_workers, "living_nodes", lambda: calls.append("nodes") or NODES)
    answers = True
    workers._head = SimpleNamespace(check=lambda: answers)
    workers._stall = SimpleNamespace(check=lambda *args: calls.append("stall"))
    monkeypatch.setattr(ray_workers, "NODES_EVERY_SECONDS", 0.0)
    assert workers.wait() == []
    assert calls == ["nodes", "stall"]
    answers = False
    assert workers.wait() == []
    assert calls == ["nodes", "stall"]


def test_a_stage_that_runs_out_of_the_gpu_s_memory_is_tried_once_with_a_gpu_to_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({})
    cluster.nodes = [Node("a", cpus=8, gpus=2, memory=1)]
    cluster.outcomes["a"] = [StageFailed("a", "OutOfMemoryError: CUDA", exhausted="gpu")] * 2
    workers, lines = workers_of(monkeypatch, cluster, gpus=0.25)
    workers.slots()
    workers.submit(order("a"))
    assert workers.wait() == []
    assert lines == [
        "ewc-1 seed 0 task 2 ran out of GPU memory; it is retried once, with a GPU to itself"
    ]
    assert workers.slots() == 8 - 4, "a GPU becomes free for it"
    (failed,) = workers.wait()
    assert isinstance(failed, StageFailed)
    assert failed.story == (
        "out of memory: 2 attempts; it asked for 1 CPUs and 0.25 GPUs and had a GPU to itself at "
        "the last attempt: OutOfMemoryError: CUDA"
    )
    assert (cluster.gpus, cluster.submitted) == ([0.25, 1.0], [("a", None)] * 2)


def test_with_gpus_auto_a_first_stage_is_measured_and_the_next_share_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({})
    cluster.nodes = [Node("a", cpus=64, gpus=1, memory=1)]
    cluster.outcomes["b"] = [StageFailed("b", "CUDA out of memory", exhausted="gpu")]
    cluster.outcomes["a"] = [StageDone("a", gpu_share=0.22)]
    workers, _ = workers_of(monkeypatch, cluster, gpus="auto")
    assert workers.slots() == 2
    for key in "ab":
        workers.submit(order(key))
        workers.wait()
    assert cluster.gpus == [1.0, 0.25, 1.0]
    workers.wait()
    workers.submit(order("c"))
    assert cluster.gpus[-1] == 1.0, "the kind has a GPU to itself again"


def test_with_gpus_auto_no_more_stages_share_a_gpu_than_its_time_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster({})
    cluster.nodes = [Node("a", cpus=64, gpus=1, memory=1)]
    cluster.outcomes["a"] = [StageDone("a", gpu_share=0.1, gpu_utilisation=0.3)]
    cluster.outcomes["b"] = [StageDone("b", gpu_share=0.1, gpu_utilisation=0.9)]
    workers, _ = workers_of(monkeypatch, cluster, gpus="auto")
    workers.slots()
    for key in "abc":
        workers.submit(order(key))
        workers.wait()
    assert cluster.gpus == [1.0, 0.3333, 0.3333], "b shared the GPU, so its 0.9 says nothing of b"

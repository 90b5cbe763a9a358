"""How a stage that died on Ray is told of and tried again; nothing here starts Ray."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    RuntimeEnvSetupError,
    WorkerCrashedError,
)

from orchestrator.backends import ray_backend
from orchestrator.backends.nodes import Node, largest_node, parse_node
from orchestrator.backends.ray_tasks import (
    MAX_DEATHS,
    Attempt,
    Death,
    build_failure,
    classify_death,
)
from orchestrator.errors import RepertoireError
from orchestrator.graph.virtual_workers import MAX_LOSSES

NEEDS = {"num_cpus": 2.0, "num_gpus": 0.0}
ORDER: Any = SimpleNamespace(key="abcdef0123", computed_for=("sweep", "ewc-1", 0))
BIG, SMALL = (
    Node("10.0.0.1", cpus=4, gpus=0, memory=8 * 2**30),
    Node("10.0.0.2", cpus=4, gpus=1, memory=2 * 2**30),
)


@pytest.mark.parametrize(
    ("deaths", "alone"),
    [
        (["memory"], [True]),
        (["process", "process"], [False, True]),
        (["process", "memory"], [False, True]),
        (["gpu"], [False]),
        (["node", "memory", "node"], [False, True, True]),
        (["node"] * 9, [False] * 9),
    ],
)
def test_a_stage_is_tried_again_and_alone_after_what_may_be_memory(
    deaths: list[Death], alone: list[bool]
) -> None:
    attempt = Attempt(ORDER)
    for death, expected in zip(deaths, alone, strict=True):
        again = attempt.next_attempt(death)
        assert again is not None
        assert again.alone is expected
        attempt = again
    assert attempt.deaths == tuple(deaths)


@pytest.mark.parametrize(
    "deaths",
    [
        ["memory"] * 2,
        ["process"] * 3,
        ["memory", "process"],
        ["gpu", "gpu"],
        ["gpu", "memory"],
        ["process", "memory", "memory"],
        ["node"] * 10,
    ],
)
def test_in_the_end_it_fails(deaths: list[Death]) -> None:
    attempt: Attempt | None = Attempt(ORDER)
    for death in deaths:
        assert attempt is not None
        attempt = attempt.next_attempt(death)
    assert attempt is None


@pytest.mark.parametrize(
    ("error", "death"),
    [
        (OutOfMemoryError("low"), "memory"),
        (WorkerCrashedError(), "process"),
        (NodeDiedError("gone"), "node"),
        (ObjectLostError("00" * 28, None, ""), "node"),
        (RuntimeEnvSetupError("no such file"), None),
        (RayTaskError("stage", "trace", ValueError("too shy")), None),
    ],
)
def test_what_a_worker_died_of_is_told_by_what_ray_raises(
    error: RayError, death: Death | None
) -> None:
    assert classify_death(error) == death


def test_a_stage_that_ran_out_of_memory_says_what_it_asked_for_and_had() -> None:
    last = Attempt(ORDER, deaths=("memory",), alone=True)
    failed = build_failure(last, OutOfMemoryError("95% used"), NEEDS, BIG)
    assert failed.key == ORDER.key
    first, _, rest = failed.story.partition("\n")
    assert first == (
        "out of memory: killed 2 times; it asked for 2 CPUs and 0 GPUs and had "
        "10.0.0.1 (4 CPUs, 0 GPUs, 8.59 GB) to itself at the last attempt"
    )
    assert "95% used" in rest


def test_other_deaths_are_not_called_memory() -> None:
    crashed = build_failure(Attempt(ORDER, ("process",) * 2), WorkerCrashedError(), NEEDS, None)
    assert "its process died 3 times" in crashed.story
    away = build_failure(Attempt(ORDER, ("node",) * 9), NodeDiedError("gone"), NEEDS, None)
    assert "its node died 10 times" in away.story
    raised = RayTaskError("stage", "the trace", ModuleNotFoundError("No module named 'mine'"))
    assert build_failure(Attempt(ORDER), raised, NEEDS, None).story.startswith(
        "ModuleNotFoundError: No module named 'mine'\n"
    )


@pytest.mark.parametrize(
    ("needs", "room"),
    [
        ({"num_cpus": 1.0, "num_gpus": 0.0}, 4),
        ({"num_cpus": 3.0, "num_gpus": 0.0}, 1),
        ({"num_cpus": 0.5, "num_gpus": 0.25}, 4),
        ({"num_cpus": 1.0, "num_gpus": 2.0}, 0),
        ({"num_cpus": 8.0, "num_gpus": 0.0}, 0),
    ],
)
def test_room_is_what_the_scarcest_resource_allows(needs: dict[str, float], room: int) -> None:
    assert SMALL.capacity(needs) == room


def test_a_stage_is_alone_on_the_node_with_the_most_memory_that_fits_it() -> None:
    assert largest_node([SMALL, BIG], NEEDS) is BIG
    assert largest_node([SMALL, BIG], {"num_cpus": 1, "num_gpus": 1}) is SMALL
    assert largest_node([SMALL, BIG], {"num_cpus": 5, "num_gpus": 0}) is None
    listed = {"Alive": True, "NodeManagerAddress": "10.0.0.3", "Resources": {"CPU": 2.0}}
    assert parse_node(listed) == Node("10.0.0.3", cpus=2.0, gpus=0.0, memory=0.0)


def test_a_stage_too_large_is_refused_here_and_waited_for_on_a_cluster() -> None:
    lines: list[str] = []
    needs = {"num_cpus": 1.0, "num_gpus": 1.0}
    with pytest.raises(RepertoireError, match="1 CPUs and 1 GPUs, which no node of this Ray has"):
        ray_backend.require_capacity([BIG], needs, None, lines.append)
    assert lines == []
    ray_backend.require_capacity([BIG], needs, "10.0.0.1:6379", lines.append)
    assert lines == [
        "a stage asks for 1 CPUs and 1 GPUs, which no node of this Ray has; nodes: "
        "10.0.0.1 (4 CPUs, 0 GPUs, 8.59 GB); waiting for such a node, "
        "30 min 00 s at most (--wait-for-nodes)"
    ]
    ray_backend.require_capacity([BIG, SMALL], needs, None, lines.append)
    assert len(lines) == 1


def test_a_simulated_stage_may_lose_as_many_nodes_as_a_real_one() -> None:
    assert MAX_DEATHS["node"] == MAX_LOSSES

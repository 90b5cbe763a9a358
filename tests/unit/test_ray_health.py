"""A head that falls silent and a cluster that gets nothing done, on a clock of the test's own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from stub_clock import Clock

from orchestrator.backends.nodes import Node
from orchestrator.backends.ray_head import ClusterLost, HeadProbe
from orchestrator.backends.ray_health import StallWatch, stall_seconds
from orchestrator.errors import RepertoireError

NEEDS = {"num_cpus": 1.0, "num_gpus": 0.0}
NODE = Node("10.0.0.1", cpus=2, gpus=0, memory=2**30)
ORDERS: Any = [
    SimpleNamespace(computed_for=("sweep", "ewc-1", seed), stages=(SimpleNamespace(after=3),))
    for seed in range(5)
]


def test_a_head_that_falls_silent_is_said_then_given_up(clock: Clock) -> None:
    lines: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{server.getsockname()[1]}"
    probe = HeadProbe(address, lines.append, limit_seconds=30)
    assert probe.check()
    server.close()
    assert probe.check(), "it is not asked again at once"
    for _ in range(4):
        clock.now += 7
        assert not probe.check()
    assert lines == [f"the head of the Ray cluster at {address} does not answer; waiting"]
    clock.now += 10
    with pytest.raises(ClusterLost, match=r"was lost .* the same command continues") as raised:
        probe.check()
    assert raised.value.exit_code == 1


def test_a_head_that_comes_back_is_forgiven(clock: Clock) -> None:
    lines: list[str] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        probe = HeadProbe(address, lines.append, limit_seconds=30)
        assert not probe.check()
        unused.listen()
        clock.now += 29
        assert probe.check()
    assert lines[1:] == [f"the head of the Ray cluster at {address} answers again"]
    clock.now += 6
    assert not probe.check()
    clock.now += 29
    assert not probe.check(), "the silence is counted anew"


def test_ray_is_given_up_before_it_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HeadProbe("x:1", print)._limit == 30
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "10")
    assert HeadProbe("x:1", print)._limit == 5


def answer() -> Callable[[], bool]:
    """Ask for a worker process that starts at once."""
    return lambda: True


def watch_for(clock: Clock, watch: StallWatch, nodes: list[Node], seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        watch.check(ORDERS, nodes, NEEDS)


def test_a_long_stage_is_told_of_at_growing_intervals_and_never_given_up(clock: Clock) -> None:
    lines: list[str] = []
    watch = StallWatch(lines.append, idle=lambda: False, ask=answer, limit_seconds=100)
    watch_for(clock, watch, [NODE], 59)
    assert lines == []
    watch_for(clock, watch, [NODE], 6)
    assert lines == [
        "no stage has ended for 1 min; waiting for ewc-1 seed 0 task 3, ewc-1 seed 1 task 3, "
        "ewc-1 seed 2 task 3 and 2 more; the cluster is at work; nodes: "
        "10.0.0.1 (2 CPUs, 0 GPUs, 1.07 GB)"
    ]
    watch_for(clock, watch, [NODE], 3600)
    assert len(lines) == 6  # after 1, 2, 4, 8, 16 and 32 minutes


def test_a_stage_that_ends_starts_the_count_anew(clock: Clock) -> None:
    lines: list[str] = []
    watch = StallWatch(lines.append, idle=lambda: True, ask=answer, limit_seconds=100)
    for _ in range(20):
        watch_for(clock, watch, [NODE], 50)
        watch.reset()
    assert lines == []


@pytest.mark.parametrize(
    ("nodes", "idle", "reason"),
    [
        ([], False, "no node has room for a stage that asks for 1 CPUs and 0 GPUs; no node is"),
        ([NODE], True, "all nodes are idle, but Ray does not start the submitted stages"),
    ],
)
def test_where_nothing_can_run_the_sweep_ends_after_the_limit(
    clock: Clock, nodes: list[Node], idle: bool, reason: str
) -> None:
    watch = StallWatch(lambda line: None, lambda: idle, answer, limit_seconds=100)
    watch_for(clock, watch, nodes, 159)
    with pytest.raises(ClusterLost, match=r"given up .REPERTOIRE_STALL_SECONDS=100") as raised:
        watch_for(clock, watch, nodes, 10)
    assert reason in str(raised.value)


@pytest.mark.parametrize("wait", [15, 60, 500])
def test_a_node_with_room_is_waited_for_as_long_as_asked(clock: Clock, wait: int) -> None:
    lines: list[str] = []
    watch, start = StallWatch(lines.append, lambda: False, answer, 100, wait), clock.now
    with pytest.raises(ClusterLost, match=f"given up .--wait-for-nodes={wait} s"):
        watch_for(clock, watch, [], 1000)
    assert wait <= clock.now - start <= wait + 2
    assert len(lines) == (0 if wait == 15 else 4 if wait == 500 else 1), "after 1, 2, 4, 8 min"


def test_a_wait_for_a_node_begins_anew_when_one_was_there(clock: Clock) -> None:
    watch = StallWatch(lambda line: None, lambda: False, answer, 100, wait_seconds=30)
    for _ in range(5):
        watch_for(clock, watch, [], 20)
        watch_for(clock, watch, [NODE], 80)
    with pytest.raises(ClusterLost, match="--wait-for-nodes=30 s"):
        watch_for(clock, watch, [], 40)


def test_the_limit_is_read_from_the_environment(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPERTOIRE_STALL_SECONDS", "10")
    watch = StallWatch(lambda line: None, lambda: True, answer)
    with pytest.raises(ClusterLost):
        watch_for(clock, watch, [NODE], 30)


def test_a_cluster_whose_worker_processes_do_not_start_is_given_up(clock: Clock) -> None:
    """Ray counts the CPUs of such a process as in use, so that the nodes are not idle."""
    lines: list[str] = []
    asked: list[float] = []

    def ask() -> Callable[[], bool]:
        asked.append(clock.now)
        return lambda: False

    watch, start = StallWatch(lines.append, lambda: False, ask, limit_seconds=100), clock.now
    with pytest.raises(ClusterLost, match="no worker process starts on the nodes"):
        watch_for(clock, watch, [NODE], 300)
    (at,) = asked
    assert 50 <= at - start <= 65, "asked once, after half of the limit"
    assert 150 <= clock.now - start <= 175, "given up after the limit"
    assert "no worker process starts" in lines[-1]


def test_each_silence_asks_anew_for_a_worker_process(clock: Clock) -> None:
    answers = [False, True]

    def ask() -> Callable[[], bool]:
        starts = answers.pop()
        return lambda: starts

    watch = StallWatch(lambda line: None, lambda: False, ask, limit_seconds=100)
    watch_for(clock, watch, [NODE], 1000)
    watch.reset()
    with pytest.raises(ClusterLost):
        watch_for(clock, watch, [NODE], 300)


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan"])
def test_a_limit_that_is_no_time_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPERTOIRE_STALL_SECONDS", text)
    with pytest.raises(RepertoireError, match=f"REPERTOIRE_STALL_SECONDS={text}: must be a number"):
        stall_seconds()

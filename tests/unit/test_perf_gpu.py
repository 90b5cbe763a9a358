"""The measurements of `perf.gpu`, as far as they need no GPU."""

from __future__ import annotations

import warnings

import pytest
import torch

from methods import METHODS
from orchestrator.stages.switches import use_default_switches
from perf.gpu import syncs
from perf.gpu.cases import run_states
from perf.gpu.timing import Seconds, alternate, ratios, spread


def test_ratios_are_of_the_same_round_and_printed_with_their_range() -> None:
    times = {
        "ours": [Seconds(2.0, 1.0), Seconds(3.0, 1.0), Seconds(8.0, 4.0)],
        "rival": [Seconds(1.0, 2.0), Seconds(2.0, 1.0), Seconds(2.0, 1.0)],
    }
    assert ratios(times, "ours", "rival") == [2.0, 1.5, 4.0]
    assert ratios(times, "ours", "rival", "cpu") == [0.5, 1.0, 4.0]
    assert spread([2.0, 1.5, 4.0], 1) == "2.0 (1.5 to 4.0)"


def test_works_are_timed_in_turn_after_one_round_that_is_not_counted() -> None:
    order: list[str] = []
    works = {name: lambda name=name: order.append(name) for name in "ab"}
    times = alternate(works, 2, "cpu")
    assert "".join(order) == "ab" + "ab" + "ba"
    assert {name: len(each) for name, each in times.items()} == {"a": 2, "b": 2}


def test_a_wait_is_counted_in_its_phase_with_the_line_that_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wait(*_: object) -> None:
        warnings.warn(syncs.WAITED, stacklevel=1)

    for hook in ("after_step", "end_task", "begin_task"):
        monkeypatch.setattr(METHODS["finetune"], hook, wait)
    steps = syncs.watched_chain("finetune", ("mlp", {"hidden": (4,)}), epochs=1)[:2]
    with syncs.count_steps() as counter, syncs.record_waits() as waits:
        run_states(steps, "cpu")
    phases = [wait.phase for wait in waits]
    assert phases.count("step") == counter["steps"] > 1
    assert (phases.count("end"), phases.count("rest")) == (1, 1)
    assert {wait.line.partition(":")[0] for wait in waits} == {"tests/unit/test_perf_gpu.py"}


def test_kernels_of_a_gpu_are_deterministic_while_a_stage_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def values() -> tuple[object, ...]:
        cudnn = torch.backends.cudnn
        return torch.get_deterministic_debug_mode(), cudnn.deterministic, cudnn.allow_tf32

    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # what a user sets is kept
    before = values()
    with use_default_switches("cuda:0"):
        assert values() == (1, True, False)
    assert values() == before
    with use_default_switches():
        assert values() == (0, False, True)

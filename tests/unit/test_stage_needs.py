"""What stages ask for with `gpus: auto`, and what memory a stage says it lacks."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from orchestrator.backends.stage_needs import StageNeeds, fraction
from orchestrator.graph.brake import Brake
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.usage import Clock, memory_share
from orchestrator.stages.utilisation import INTERVAL_SECONDS, UtilisationMeter, read_utilisation
from orchestrator.stages.worker import exhausted_memory
from orchestrator.sweep.options import Resources, RunBudget
from orchestrator.sweep.sweep import Sweep

GIB = 2**30


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1.0, 1.0), (0.51, 1.0), (0.5, 0.5), (0.34, 0.5), (0.33, 0.3333), (0.01, 0.0625)],
)
def test_a_fraction_is_one_nth_that_holds_the_share(share: float, expected: float) -> None:
    assert fraction(share) == expected


def test_the_share_of_a_stage_has_its_context_and_headroom_and_is_at_most_one() -> None:
    assert memory_share(8 * GIB, 80 * GIB) == pytest.approx((1.25 * 8 + 600 / 1024) / 80)
    assert memory_share(79 * GIB, 80 * GIB) == 1.0


def order_of(method: str) -> Any:
    stage = SimpleNamespace(
        after=1,
        benchmark=SimpleNamespace(title="split_digits"),
        network=SimpleNamespace(name="mlp"),
        method=SimpleNamespace(name=method),
    )
    return SimpleNamespace(stages=(stage,))


def gpus_of(*stages: tuple[float, float | None]) -> float:
    needs = StageNeeds(1.0, "auto")
    for memory, utilisation in stages:
        needs.note_share(order_of("ewc"), memory, utilisation)
    assert needs.resources(order_of("er"))["num_gpus"] == 1.0, "another kind is not yet known"
    return needs.resources(order_of("ewc"))["num_gpus"]


def test_a_share_is_the_larger_of_memory_and_of_the_time_of_the_first_stage() -> None:
    assert gpus_of() == 1.0
    assert gpus_of((0.1, None)) == 0.1, "without a meter memory counts alone"
    assert gpus_of((0.1, 0.45)) == 0.5
    assert gpus_of((0.1, 0.02)) == 0.1
    assert gpus_of((0.1, 0.45), (0.3, 0.99)) == 0.5, "later stages share their GPU's time"
    assert gpus_of((0.1, 0.0), (0.6, None)) == 1.0, "memory counts whenever it is measured"
    assert gpus_of((0.0, 0.9)) == 1.0, "a stage without a GPU says nothing"


def sample(meter: UtilisationMeter, seconds: float = 0.05) -> float | None:
    with meter.sample():
        time.sleep(seconds)
    return meter.mean()


def test_a_meter_averages_what_it_reads_while_a_block_runs() -> None:
    readings = [0.2, 0.4, 0.9]
    devices = list[str]()

    def read(device: str) -> float | None:
        devices.append(device)
        return readings[len(devices) - 1] if len(devices) <= len(readings) else None

    meter = UtilisationMeter("cuda", read, interval_seconds=0.001)
    assert sample(meter) == pytest.approx(0.5)
    assert devices == ["cuda"] * 4
    assert sample(meter) == pytest.approx(0.5), "one that has ceased to answer is not asked again"
    assert len(devices) == 4


def test_a_meter_samples_no_longer_than_its_block_also_if_it_raises() -> None:
    times = list[float]()

    def read(device: str) -> float:
        times.append(time.perf_counter())
        return 7.0

    meter = UtilisationMeter("cuda:0", read, interval_seconds=0.001)

    def diverge() -> None:
        with meter.sample():
            time.sleep(0.02)
            raise ValueError("diverged")

    with pytest.raises(ValueError, match="diverged"):
        diverge()
    ended = time.perf_counter()
    time.sleep(0.02)
    assert len(times) > 1
    assert sorted(times)[-2] <= ended, "one may have begun"
    assert meter.mean() == 1.0, "a driver's nonsense stays a share"


@pytest.mark.parametrize("error", [ModuleNotFoundError("nvidia-ml-py"), RuntimeError("MIG")])
def test_on_a_cpu_and_where_nvml_does_not_answer_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def utilization(device: str) -> int:
        raise error

    monkeypatch.setattr(torch.cuda, "utilization", utilization)
    never: Any = None  # to call it would raise
    assert sample(UtilisationMeter("cpu", never, interval_seconds=0.001), 0.01) is None
    assert read_utilisation("cuda") is None


def test_the_clock_of_a_stage_measures_its_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 37)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    clock = Clock("cuda")
    assert clock.gpu_utilisation is None
    with clock.phase("train"):
        time.sleep(1.5 * INTERVAL_SECONDS)
    assert clock.gpu_utilisation == pytest.approx(0.37)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "gpu"),
        (MemoryError(), "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "memory"),
        (RuntimeError("CUDA error: device-side assert"), ""),
        (ValueError("can't allocate memory"), ""),
    ],
)
def test_memory_that_was_not_enough_is_told_by_the_error(error: Exception, kind: str) -> None:
    assert exhausted_memory(error) == kind


def test_a_cpu_that_refuses_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**55, dtype=torch.uint8)
    assert exhausted_memory(raised.value) == "memory"


def test_auto_counts_as_a_whole_gpu_in_a_budget_and_nothing_else_is_a_word() -> None:
    brake = Brake(RunBudget(gpu_hours=1), Resources(gpus="auto"), lambda key: 3600.0)
    brake.count(StageDone("a"))
    assert brake.reason == "the budget is spent (gpu_hours: 1)"


def test_a_sweep_may_say_auto_and_no_other_word(
    load: Callable[[str], Sweep], mistakes: Callable[[str], list[str]]
) -> None:
    text = """
name: auto
benchmark: {name: split_digits, num_tasks: 2}
network: {name: mlp, hidden: [4]}
methods: [finetune]
seeds: [0]
resources: {gpus: WORD}
"""
    assert load(text.replace("WORD", "auto")).resources.gpus == "auto"
    assert load(text.replace("WORD", "auto")).resources.max_gpus == 1.0
    (mistake,) = mistakes(text.replace("WORD", "many"))
    assert mistake.startswith("resources.gpus")
    assert "auto" in mistake

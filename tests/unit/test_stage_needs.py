"""What stages ask for with `gpus: auto`, and what memory a stage says it lacks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from orchestrator.backends.stage_needs import fraction
from orchestrator.graph.brake import Brake
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.usage import memory_share
from orchestrator.stages.worker import exhausted_memory
from orchestrator.sweep.options import Budget, Resources
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
    brake = Brake(Budget(gpu_hours=1), Resources(gpus="auto"), lambda key: 3600.0)
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

"""Runs the stages of a group: trained together, then each consolidated, evaluated and recorded."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.environment import fix_arithmetic
from orchestrator.stages.fused.group import train_group
from orchestrator.stages.fused.slots import num_slots, split_groups
from orchestrator.stages.learning.parameter_groups import lowest_rate
from orchestrator.stages.measurement import flop_meters
from orchestrator.stages.record import Record
from orchestrator.stages.run_stage import Share, State, run_stage
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method, task_view
from orchestrator.stages.usage import Clock, peak_memory_bytes, reset_peak_memory


def run_group(
    stages: Sequence[Stage],
    parents: Sequence[State],
    computed_for: Sequence[tuple[str, str, int]],
    device: str = "cpu",
) -> list[tuple[State | None, Record]]:
    """Run siblings; return of each what `run_stage` does.

    The bits of a sibling's state are the same whatever others are in the group. Each has an equal
    share of the seconds and the energy of the training.

    Args:
        stages: with one `siblings.sibling_key`.
        parents: of each the state of its parent.
        computed_for: of each (sweep, trial_id, seed) to note in its record.
        device: "cpu" or "cuda".
    """
    # Those of one learning rate are neighbours, which the optimiser takes as one tensor.
    order = sorted(range(len(stages)), key=lambda i: lowest_rate(stages[i].training.lr))
    shares = dict[int, Share]()
    for group in split_groups(order, device):
        trained = train_shares([stages[i] for i in group], [parents[i] for i in group], device)
        shares |= zip(group, trained, strict=True)
    return [
        run_stage(stage, parent, whom, device, shares[number])
        for number, (stage, parent, whom) in enumerate(
            zip(stages, parents, computed_for, strict=True)
        )
    ]


def train_shares(stages: Sequence[Stage], parents: Sequence[State], device: str) -> list[Share]:
    """Train siblings, in order of their learning rates; return what each of them has of it."""
    # A clock of the group: each sibling gets an equal share of its seconds.
    clock = Clock(device)
    meter = FlopMeter(
        flop_meters(stages[0])["train"].known, num_slots(len(stages), torch.device(device))
    )
    with fix_arithmetic(stages[0], device):
        reset_peak_memory(device)
        methods = [
            build_method(stage, parent, learned=stage.after - 1).to(device)
            for stage, parent in zip(stages, parents, strict=True)
        ]
        views = [
            task_view(stage, method, device) for stage, method in zip(stages, methods, strict=True)
        ]
        with clock.phase("train"):
            trainings = [stage.training for stage in stages]
            results = train_group(methods, views, trainings, meter)
        peak = peak_memory_bytes(device)
    return [
        Share(method, result, own, clock, len(stages), peak)
        for method, (result, own) in zip(methods, results, strict=True)
    ]

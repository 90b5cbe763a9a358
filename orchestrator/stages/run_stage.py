"""Runs a stage: from the parent's state to the next state, a row of R and the costs.

`run_stage` is a function of its arguments: it uses neither Ray, MLflow, the store nor other stages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from methods.base import Method, TaskView
from orchestrator.errors import Diverged
from orchestrator.hashing import to_json
from orchestrator.stages.costs import FlopMeter, raw_data_bytes
from orchestrator.stages.environment import (
    describe_environment,
    fix_arithmetic,
    require_device,
)
from orchestrator.stages.features.carried import count_saved_flops
from orchestrator.stages.interval_flops import count_interval_flops
from orchestrator.stages.learning.learner import Trained, train_task
from orchestrator.stages.learning.optimizer_state import carried_entries
from orchestrator.stages.measurement import Measurement, flop_meters
from orchestrator.stages.record import Record, TaskScores
from orchestrator.stages.scoring import score_tasks
from orchestrator.stages.siblings import fusible_parts, numerics
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method, score_trained_tasks, task_view
from orchestrator.stages.usage import Clock, reset_peak_memory

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Share:
    """The part of a stage in a training with siblings (`stages.fused`).

    Attributes:
        method: after the training.
        result: the extent of the training, or how it diverged.
        meter: its FLOPs.
        clock: of the whole group. siblings: their number.
        peak_memory_bytes: of the training of the whole group.
    """

    method: Method
    result: Trained | Diverged
    meter: FlopMeter
    clock: Clock
    siblings: int
    peak_memory_bytes: int = 0

    def train(self) -> Trained:
        """Return the extent of the training.

        Raises:
            Diverged: the training diverged.
        """
        if isinstance(self.result, Diverged):
            raise self.result
        return self.result


def run_stage(
    stage: Stage,
    parent: State | None,
    computed_for: tuple[str, str, int],
    device: str = "cpu",
    share: Share | None = None,
) -> tuple[State | None, Record]:
    """Run a stage: train, consolidate, evaluate on every task, count the costs.

    Args:
        stage: what to run.
        parent: the state of `stage.parent`; None for stage 0.
        computed_for: (sweep, trial_id, seed) to note in the record.
        device: "cpu" or "cuda"; chosen by resources, never part of a key.
        share: of a training with siblings, if it was trained so; None trains it here.

    Returns:
        The next state (on the CPU; None if training diverged) and the record.

    Raises:
        RepertoireError: torch cannot use the device.
    """
    require_device(device)
    measured = Measurement(device, Clock(device), flop_meters(stage))
    state: State | None = None
    story = ""
    with fix_arithmetic(stage, device):
        reset_peak_memory(device)
        method = create_method(stage, parent, measured, share)
        saved_flops = count_saved_flops(stage, method)
        try:
            state = learn(stage, method, parent, measured, share)
        # A result, not a failure: it is recorded, and the chain ends here.
        except Diverged as error:
            story = str(error)
        measured.saved_flops = saved_flops()
        evaluation = score_stage(stage, method, state, measured)
        measured.measure_result(stage, method, state)
    record = Record(
        key=stage.key,
        parent=stage.parent,
        after=stage.after,
        status="complete" if state is not None else "diverged",
        costs=measured.costs(stage.after),
        evaluation=evaluation,
        computed_for=computed_for,
        story=story,
        spec=describe_stage(stage),
        environment=describe_environment(),
    )
    return state, record


def create_method(
    stage: Stage, parent: State | None, measured: Measurement, share: Share | None
) -> Method:
    """Return the method in the parent's state, or as a training with siblings left it."""
    if share is None:
        # The state of the parent is that of one task less; stage 0 has no parent and learns
        # nothing.
        learned = max(stage.after - 1, 0)
        return build_method(stage, parent, learned=learned).to(measured.device)
    # The training took place in the group: its figures are of this stage's share.
    measured.meters["train"] = share.meter
    measured.clock.add_share(share.clock, share.siblings)
    measured.peak = share.peak_memory_bytes
    return share.method


def learn(
    stage: Stage, method: Method, parent: State | None, measured: Measurement, share: Share | None
) -> State:
    """Learn the stage's task, if it has one, and return the state for the next stage.

    Raises:
        Diverged: a loss or a number of the state is not finite.
    """
    if stage.after:
        if stage.training.step_budget is not None:
            stage = replace(stage, training=stage.training.settle_length(method.growth_flops))
        view, meters = task_view(stage, method, measured.device), measured.meters
        measured.raw_data = raw_data_bytes(method, view.examples)
        validate = partial(score_trained_tasks, stage, method, measured.device, meters["train"])
        train = partial(train_task, method, view, stage.training, meters["train"])
        measured.trained = train_and_consolidate(
            partial(train, parent, validate) if share is None else share.train,
            *(method, view, measured.clock, meters["consolidate"]),
        )
        measured.interval_flops = count_interval_flops(stage, parent, view, meters["train"])
    return capture_state(method, measured.trained.optimizer)


def score_stage(
    stage: Stage, method: Method, state: State | None, measured: Measurement
) -> TaskScores:
    """Score a method on every task; nothing is scored where training diverged."""
    with measured.clock.phase("eval"):
        if state is None:
            return {}
        return score_tasks(stage, method, stage.task_keys, measured.device, measured.meters["eval"])


def evaluate_state(
    stage: Stage, state: State, task_keys: tuple[str, ...], device: str = "cpu"
) -> TaskScores:
    """Score a stored state on further tasks of its benchmark, without training it again."""
    require_device(device)
    with fix_arithmetic(stage, device):
        # The stored state is that after this task, not before it.
        method = build_method(stage, state, learned=stage.after).to(device)
        return score_tasks(stage, method, task_keys, device, FlopMeter())


def train_and_consolidate(
    train: Callable[[], Trained], method: Method, view: TaskView, clock: Clock, meter: FlopMeter
) -> Trained:
    """Train a method, then consolidate, with the FLOPs to a meter."""
    with clock.phase("train"):
        trained = train()
    with clock.phase("consolidate"):
        meter.measure("once", method.end_task, view)
    # A finite loss does not tell of the last update, nor of the consolidation.
    require_finite_state({**method.state_dict(), **trained.optimizer}, view.index)
    return trained


def require_finite_state(state: State, task: int) -> None:
    """Raise Diverged, with the name of the first tensor that is not finite, unless all are."""
    reals = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    finite = [torch.isfinite(tensor).all() for tensor in reals.values()]
    # Read at once: to read the answer for each tensor would wait for the device as often. An
    # optimiser may keep its counts on the CPU.
    read = torch.stack([each.to(finite[0].device) for each in finite]).tolist() if finite else []
    for name, is_finite in zip(reals, read, strict=True):
        if not is_finite:
            raise Diverged(f"{name} is not finite after task {task}")


def capture_state(method: Method, optimizer: State | None = None) -> State:
    """Return the state for the next stage, as contiguous tensors on the CPU."""
    own = method.state_dict()
    state = {**own, **carried_entries(optimizer or {}, own)}
    # safetensors takes contiguous tensors alone.
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def describe_stage(stage: Stage) -> dict[str, Any]:
    """Return the stage's configuration, for display."""
    return {
        "benchmark": to_json(stage.benchmark),
        "network": stage.network.describe(),
        "training": stage.training.describe(),
        "method": stage.method.describe(),
        "seed": stage.seed,
        # Stage 0 trains nothing, so that how training computes says nothing of it.
        **(numerics(*fusible_parts(stage)) if stage.after else {}),
        "code": {
            "method": stage.method.identity,
            "network": stage.network.identity,
            **stage.training.own_code,
        },
    }

"""Running a stage: from the parent's state to the next state and a row of R, costs counted.

A function of its arguments: it knows nothing of Ray, MLflow, the store or the other stages.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from methods.base import Examples, Method, Outlook, TaskView
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import Diverged, RepertoireError
from orchestrator.hashing import digest, plain
from orchestrator.networks.networks import NetworkShape, build
from orchestrator.seeding import ambient, derive, stream
from orchestrator.stages.costs import (
    Clock,
    FlopMeter,
    peak_memory_bytes,
    raw_data_bytes,
    reset_peak_memory,
    storage_bytes,
)  # fmt: skip
from orchestrator.stages.learner import Training, evaluate, num_steps, require_finite, train_task
from orchestrator.stages.record import Costs, Evaluation, Record, Score
from orchestrator.stages.stage import Stage
from orchestrator.stages.switches import default_switches

State = Mapping[str, Tensor]

# FLOPs per kind of step, of the stages this process has run; see `flop_meters`.
_FLOPS: dict[str, dict[Hashable, int]] = {}


def run_stage(
    stage: Stage, parent: State | None, computed_for: tuple[str, str, int], device: str = "cpu"
) -> tuple[State | None, Record]:
    """Run a stage: train, consolidate, evaluate on every task, count the costs.

    Args:
        stage: what to run.
        parent: the state of `stage.parent`; None for stage 0.
        computed_for: (sweep, trial_id, seed) to note in the record.
        device: "cpu" or "cuda"; chosen by resources, never part of a key.

    Returns:
        The next state (on the CPU; None if training diverged) and the record.

    Raises:
        RepertoireError: torch cannot use the device.
    """
    require_device(device)
    clock, meters = Clock(device), flop_meters(stage)
    with arithmetic(stage):
        reset_peak_memory(device)
        method = method_of(stage, parent, learned=max(stage.after - 1, 0)).to(device)
        samples, story, kept = 0, "", 0
        try:
            if stage.after:
                view = view_of(stage, method, device)
                kept = raw_data_bytes(method, view.examples)
                samples = learn(method, view, stage.training, clock, meters)
        except Diverged as error:
            story = str(error)
        state = None if story else carried(method)
        with clock.phase("eval"):
            evaluation = (
                {} if story else score_tasks(stage, method, stage.task_keys, device, meters["eval"])
            )
    costs = Costs(
        storage=with_raw_data(storage_bytes(state or {}, method.storage), kept),
        train_flops=meters["train"].total, consolidate_flops=meters["consolidate"].total,
        eval_flops=meters["eval"].total, samples=samples,
        train_seconds=clock.seconds.get("train", 0.0), eval_seconds=clock.seconds["eval"],
        consolidate_seconds=clock.seconds.get("consolidate", 0.0), cpu_seconds=clock.cpu_seconds,
        gpu_seconds=clock.gpu_seconds, peak_memory_bytes=peak_memory_bytes(device),
        device=device_name(device),
    )  # fmt: skip
    record = Record(
        key=stage.key, parent=stage.parent, after=stage.after,
        status="diverged" if story else "complete",
        costs=costs, evaluation=evaluation, computed_for=computed_for, story=story,
        spec=describe(stage), environment=environment(),
    )  # fmt: skip
    return state, record


def evaluate_state(
    stage: Stage, state: State, task_keys: tuple[str, ...], device: str = "cpu"
) -> Evaluation:
    """Score a stored state on further tasks of its benchmark, without training it again."""
    require_device(device)
    with arithmetic(stage):
        method = method_of(stage, state, learned=stage.after).to(device)
        return score_tasks(stage, method, task_keys, device, FlopMeter())


def require_device(device: str) -> None:
    """Raise RepertoireError unless torch can use a device."""
    if not device.startswith("cuda") or torch.cuda.is_available():
        return
    built = torch.version.cuda
    reason = "was built without CUDA" if built is None else f"(CUDA {built}) finds no GPU"
    raise RepertoireError(
        f"this stage was given a GPU on {platform.node()}, but torch {torch.__version__} there "
        f"{reason}; install a torch that can use the GPU on every node that has one, or set "
        "resources.gpus: 0"
    )


def flop_meters(stage: Stage) -> dict[str, FlopMeter]:
    """Return a meter per phase. Stages that differ in data and seed share what a step costs."""
    alike = digest("arithmetic", {
        "network": stage.network.content(), "input_shape": stage.benchmark.input_shape,
        "num_classes": stage.benchmark.num_classes, "method": stage.method.content(),
        "after": stage.after,
    })  # fmt: skip
    known = _FLOPS.setdefault(alike, {})
    # Consolidation is one piece of work whose size is the task's, so it is watched every time.
    return {"train": FlopMeter(known), "eval": FlopMeter(known), "consolidate": FlopMeter()}


@contextmanager
def arithmetic(stage: Stage) -> Iterator[None]:
    """Fix what bits depend on beside the key; put it back after.

    That is threads, torch's switches and the global generators.
    """
    before = torch.get_num_threads()
    # Stage 0 is shared by all ways of training.
    torch.set_num_threads(stage.training.num_threads if stage.after else 1)
    try:
        with default_switches(), ambient(derive(stage.seed, stage.after, "ambient")):
            yield
    finally:
        torch.set_num_threads(before)


def method_of(stage: Stage, state: State | None, learned: int) -> Method:
    """Return the stage's method around its network, holding `state` of `learned` tasks.

    Stage 0 has no method yet, so that all methods share it; the first stage of a method, and every
    stage of one that starts afresh, takes the network alone from it.
    """
    shape = shape_of(stage.benchmark)
    network = build(stage.network.cls, stage.network.config, shape, stage.seed)
    cls: type[Method] = stage.method.cls if stage.after else Method
    fresh = learned == 0 or (cls.starts_afresh and learned < stage.after)
    outlook = Outlook(shape.num_classes, shape.input_shape, 0 if fresh else learned)
    method = cls(network, stage.method.config, outlook)
    if state is not None:
        names = {f"network.{name}" for name in network.state_dict()} if fresh else state.keys()
        method.load_state_dict({name: state[name] for name in names}, strict=not fresh)
    return method


def shape_of(benchmark: Benchmark) -> NetworkShape:
    """Return what a network for a benchmark must fit."""
    return NetworkShape(
        input_shape=benchmark.input_shape,
        num_classes=benchmark.num_classes,
        mean=benchmark.mean,
        std=benchmark.std,
    )


def view_of(stage: Stage, method: Method, device: str) -> TaskView:
    """Return what the method is shown: its task, or all seen tasks in an order of their own."""
    tasks = stage.benchmark.tasks()[: stage.after]
    shown = (
        [tasks[-1]] if method.trains_on == "current" else sorted(tasks, key=lambda task: task.key)
    )
    examples = shown[0].train
    if len(shown) > 1:
        examples = Examples(
            torch.cat([task.train.x for task in shown]), torch.cat([task.train.y for task in shown])
        )
    allowed = stage.benchmark.train_allowed(stage.after)
    return TaskView(
        index=stage.after,
        classes=tuple(sorted({label for task in shown for label in task.classes})),
        examples=examples.to(device),
        allowed=None if allowed is None else allowed.to(device),
        stream=lambda purpose: stream(stage.seed, stage.after, purpose),
        num_steps=num_steps(len(examples), stage.training),
        scenario=stage.benchmark.scenario,
    )


def learn(
    method: Method,
    view: TaskView,
    training: Training,
    clock: Clock,
    meters: Mapping[str, FlopMeter],
) -> int:
    """Train, then consolidate; return the examples trained on."""
    with clock.phase("train"):
        samples = train_task(method, view, training, meters["train"])
    with clock.phase("consolidate"):
        meters["consolidate"].measure("once", method.end_task, view)
    for name, tensor in method.state_dict().items():
        if tensor.is_floating_point():
            require_finite(tensor, f"{name} is not finite after task {view.index}")
    return samples


def carried(method: Method) -> State:
    """Return all that the next stage needs, as contiguous tensors of the CPU."""
    return {
        name: tensor.detach().cpu().contiguous() for name, tensor in method.state_dict().items()
    }


def score_tasks(
    stage: Stage, method: Method, task_keys: tuple[str, ...], device: str, meter: FlopMeter
) -> dict[str, dict[str, Score]]:
    """Return the stage's scores on validation and test data of some tasks, by task key."""
    method.eval()
    scores = {}
    for task in stage.benchmark.tasks():
        if task.key not in task_keys:
            continue
        seen = stage.after == 0 or task.index <= stage.after or method.scores_unseen
        allowed = stage.benchmark.eval_allowed(stage.after, task.index)
        allowed = None if allowed is None else allowed.to(device)
        told = task.index if stage.benchmark.scenario == "task" else None
        scores[task.key] = {
            split: evaluate(method, examples.to(device), allowed, told, meter) if seen
            else Score(accuracy=None, loss=None, n=len(examples))
            for split, examples in (("validation", task.validation), ("test", task.test))
        }  # fmt: skip
    return scores


def with_raw_data(storage: dict[str, int], kept: int) -> dict[str, int]:
    """Return storage with the training data a method must keep."""
    return {**storage, "raw_data": kept} if kept else storage


def describe(stage: Stage) -> dict[str, Any]:
    """Return the stage in words a reader of the record understands."""
    return {
        "benchmark": plain(stage.benchmark), "network": stage.network.describe(),
        "training": plain(stage.training), "method": stage.method.describe(), "seed": stage.seed,
        "code": {"method": stage.method.identity, "network": stage.network.identity},
    }  # fmt: skip


def environment() -> dict[str, str]:
    """Return versions and place, for a reader; nothing of it is part of a key."""
    return {
        "python": platform.python_version(), "torch": torch.__version__,
        "platform": platform.platform(), "node": platform.node(), "pid": str(os.getpid()),
    }  # fmt: skip


def device_name(device: str) -> str:
    """Return the model of an accelerator, or cpu."""
    return torch.cuda.get_device_name() if device.startswith("cuda") else "cpu"

"""The storage dial: what a trial carries from task to task, by arithmetic, before it is trained.

A method allocates every buffer for the tasks learned when it is built, so the bytes of all but the
examples in its memory are known from building it. The memory gets what is left of the budget.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Literal

import torch

from methods.base import Method, input_dtype
from methods.parts.memory import Memory
from orchestrator.stages.costs import storage_bytes
from orchestrator.stages.features.carried import backbone_bytes
from orchestrator.stages.learning.optimizer_state import KeptOptimizer, carried_entries
from orchestrator.stages.learning.updates import make_optimizer
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method
from orchestrator.sweep.means.files import bytes_when_full, largest_files, size_when_full
from orchestrator.sweep.misfits import misfit
from orchestrator.sweep.trial import Trial

MEMORY = "buffer"  # the storage category of examples
NAMED_BASES = 3  # of a sum that does not fit; the others are counted

Bytes = dict[str, int]
BackboneBytes = Literal["counted", "apart"]

# By the key of the last stage: a method is built for each task, and has a cell for each budget.
_FIXED: dict[str, Bytes] = {}


class TooDear(Exception):
    """A trial does not fit; the message is the sum that shows it."""


def fit_storage(
    trial: Trial, seed: int, budget: int, backbone: BackboneBytes = "counted"
) -> int | None:
    """Return the memory that a budget leaves room for; None if the method has no dial.

    It is in bytes or, for a memory of files, in examples.

    Args:
        trial: a method with or without a memory.
        seed: one of its seeds.
        budget: bytes, of everything that is carried from task to task, at its largest.
        backbone: whether a frozen body counts.

    Raises:
        TooDear: it carries more whatever its memory, or its memory would be too small.
    """
    carried = largest_fixed(trial.stages(seed))
    fixed = counted_bytes(carried, backbone)
    left, text = (
        budget - sum(fixed.values()),
        f"{describe_sum(fixed)}{describe_excluded_body(carried, fixed)}",
    )
    if left < 0:
        grows = trial.method.cls.sized_by_learning
        most, widest = (" at most", describe_widest(trial.stages(seed))) if grows else ("", "")
        raise TooDear(f"{text}{most}, which is {-left:,} B above {budget:,} B{widest}")
    config = trial.method.config
    if config.with_storage(budget) is None and config.with_examples(1) is None:
        return None
    room = f"{text}, which leaves {left:,} B of {budget:,} B for its memory"
    size = left if config.with_storage(budget) else most_examples(trial, seed, left)
    if size == 0:
        raise TooDear(room)
    method = set_memory(trial, size).method
    objection = misfit(trial.benchmark, trial.network, method, trial.training)
    if objection is not None:
        reason, _, _ = objection.partition(": give ")  # a memory is not the user's to give here
        raise TooDear(f"{room}, and {reason}")
    return size


def most_examples(trial: Trial, seed: int, room: int) -> int:
    """Return the number of examples for which a memory of files has room, whichever they are."""
    largest = largest_files(trial)

    def size(count: int) -> int:
        return bytes_when_full(memories(set_memory(trial, count), seed), largest)

    return bisect_right(range(1, len(largest)), room, key=size)


def counted_bytes(sizes: Bytes, backbone: BackboneBytes) -> Bytes:
    """Return the bytes by category that count, without those of a frozen body if it is apart."""
    return {k: v for k, v in sizes.items() if backbone == "counted" or k != "backbone"}


def set_memory(trial: Trial, size: int) -> Trial:
    """Return a trial whose memory takes at most `size` bytes or, of files, `size` examples."""
    config = trial.method.config
    config = config.with_storage(size) or config.with_examples(size)
    return replace(trial, method=replace(trial.method, config=config))


def carried_bytes(trial: Trial, seed: int) -> Bytes:
    """Return the bytes that a trial carries at its largest, its memory as full as it gets."""
    fixed, full = largest_fixed(trial.stages(seed)), memories(trial, seed)
    if not full:
        return fixed
    if trial.method.config.with_examples(1) is not None:
        size = bytes_when_full(full, largest_files(trial))
    else:
        # After the last task, whose examples may all be stored, like those of the tasks before.
        tasks = trial.stages(seed)[0].benchmark.tasks()
        examples = sum(task.num_train for task in tasks)
        if trial.method.config.stores_repeats:
            examples = sum(each.capacity for each in full)
        size = size_when_full(full, examples)
    return {**fixed, MEMORY: fixed.get(MEMORY, 0) + size}


def memories(trial: Trial, seed: int) -> list[Memory]:
    """Return the memories that a trial has after its last task, without examples."""
    stages = trial.stages(seed)
    method = build_method(stages[-1], None, len(stages) - 1)
    return [each for each in method.modules() if isinstance(each, Memory)]


def largest_fixed(stages: Sequence[Stage]) -> Bytes:
    """Return the bytes of `fixed_bytes` after the task with the largest sum."""
    key = stages[-1].key
    if key not in _FIXED:
        _FIXED[key] = max(fixed_bytes(stages), key=lambda each: sum(each.values()))
    return _FIXED[key]


def fixed_bytes(stages: Sequence[Stage]) -> list[Bytes]:
    """Return the bytes carried after each task 1..T by category, without the memory's."""
    raw = raw_data(stages)
    return [{**state_bytes(stage), **next(raw)} for stage in stages[1:]]


def state_bytes(stage: Stage) -> Bytes:
    """Return the bytes of the state after a stage by category, without the memory's."""
    method = build_method(stage, None, stage.after)
    memories = tuple(name for name, each in method.named_modules() if isinstance(each, Memory))
    # A memory's budget has room for its counters; its rows are not there yet.
    state = {
        name: tensor
        for name, tensor in method.state_dict().items()
        if name.rpartition(".")[0] not in memories
    }
    carried = storage_bytes({**state, **optimizer_entries(method, stage)}, method.storage)
    return {**carried, **backbone_bytes(stage, method.network)}


def optimizer_entries(method: Method, stage: Stage) -> dict[str, torch.Tensor]:
    """Return the part of the optimiser's state that the training carries, after one step."""
    if not stage.training.keep_optimizer:
        return {}
    optimizer = make_optimizer(method, stage.training)
    # An optimiser has no state before its first step: one is taken, with gradients of 0.
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = torch.zeros_like(p)
    # Its values do not matter: only the sizes of its state are read.
    optimizer.step()
    kept = KeptOptimizer(method, optimizer, stage.training.optimizer_kind)
    return carried_entries(kept.capture(), method.state_dict())


def raw_data(stages: Sequence[Stage]) -> Iterator[Bytes]:
    """Yield the bytes of the training data that are kept after each task; {} where none are.

    Counted as `stages.costs.raw_data_bytes` does.
    """
    first, total = stages[0], 0
    method: type[Method] = first.method.cls
    label = 1 if first.benchmark.num_classes <= 256 else 2
    shape = first.benchmark.input_shape
    example = prod(shape) * input_dtype(shape).itemsize + label
    for task in first.benchmark.tasks():
        # Kept for good: joint training needs all that it saw.
        total += task.num_train * example
        yield {} if method.trains_on == "current" else {"raw_data": total}


def describe_sum(sizes: Bytes) -> str:
    """Return a sum as text: "it carries model 1,910,000 B + anchor 1,910,000 B = 3,820,000 B"."""
    parts = [f"{name.replace('_', ' ')} {size:,} B" for name, size in sizes.items() if size]
    total = f" = {sum(sizes.values()):,} B" if len(parts) > 1 else ""
    return f"it carries {' + '.join(parts)}{total}"


def describe_widest(stages: Sequence[Stage]) -> str:
    """Return the bytes of the largest bases at their widest as text, which have no dial.

    "; at their widest bases.body.1 has 1,156 B, bases.body.3 has 400 B and 2 more"; "" of none.
    """
    stage = stages[-1]
    state = build_method(stage, None, stage.after).state_dict()
    categories: Mapping[str, str] = stage.method.cls.storage
    sizes = {
        name.replace("/", "."): tensor.nbytes
        for name, tensor in state.items()
        if categories.get(name.partition(".")[0]) == "importance"
    }
    ordered = sorted(sizes, key=lambda name: -sizes[name])
    parts = [f"{name} has {sizes[name]:,} B" for name in ordered[:NAMED_BASES]]
    more = f" and {len(sizes) - NAMED_BASES:,} more" if len(sizes) > NAMED_BASES else ""
    return f"; at their widest {', '.join(parts)}{more}" if parts else ""


def describe_excluded_body(carried: Bytes, counted: Bytes) -> str:
    """Return the bytes that do not count as text: " (its backbone of 44,700,000 B is apart)"."""
    left_out = sum(carried.values()) - sum(counted.values())
    return f" (its backbone of {left_out:,} B is apart)" if left_out else ""

"""How often a stage waits for the GPU, per step and otherwise, and where; and whether bits repeat.

PyTorch warns of each operation that waits for the GPU. A copy from pageable memory counts as one,
unless it is asked not to block.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from unittest import mock

import torch

from methods import METHODS
from orchestrator.stages.differences import have_same_bits
from orchestrator.stages.learning.updates import Updates
from perf.gpu.cases import Case, Chain, run_states, split_digits
from perf.gpu.timing import print_head, print_row

ROOT = Path(__file__).parents[2]
# Functions of the stages -> the phase of what they call, from the innermost outwards.
PHASES = {
    "take": "step",
    "score_examples": "evaluation",
    "train_task": "rest",
    "require_finite_state": "rest",
    "train_and_consolidate": "end",
}
WAITED = "called a synchronizing CUDA operation"
MLP: tuple[str, dict[str, Any]] = ("mlp", {"hidden": (64, 64)})
CNN: tuple[str, dict[str, Any]] = ("cnn", {})
RESNET: tuple[str, dict[str, Any]] = ("resnet18", {"variant": "slim"})
AUGMENT = ("pad_crop", "flip", "color_jitter", "cutout", "cutmix")


class Wait(NamedTuple):
    """An operation that waited: its phase of the stage, and the line of this repository."""

    phase: str
    line: str


def find_wait(frame: FrameType | None) -> Wait:
    """Return the wait that a frame, or one of its callers, is at."""
    line = ""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "perf"):
            line = line or f"{path.relative_to(ROOT)}:{frame.f_lineno}"
            phase = PHASES.get(frame.f_code.co_name) if "stages" in path.parts else None
            if phase is not None:
                return Wait(phase, line)
        frame = frame.f_back
    return Wait("rest", line)


@contextmanager
def record_waits() -> Iterator[list[Wait]]:
    """Yield a list that receives each operation that PyTorch warns of."""
    waits: list[Wait] = []

    def note(message: Warning | str, *_rest: Any, **_named: Any) -> None:
        if WAITED in str(message):
            waits.append(find_wait(sys._getframe()))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        yield waits


@contextmanager
def count_steps() -> Iterator[Counter[str]]:
    """Yield a counter of the training steps."""
    counter: Counter[str] = Counter()
    step = Updates._step

    def counted(self: Updates, *given: Any) -> torch.Tensor:
        counter["steps"] += 1
        return step(self, *given)

    with mock.patch.object(Updates, "_step", counted):
        yield counter


@contextmanager
def warn_of_waits() -> Iterator[None]:
    """Let PyTorch warn of each operation that waits for the GPU."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def watched_chain(method: str, network: tuple[str, dict[str, Any]], **training: Any) -> Chain:
    """Return stage 0 and two tasks of a method, class-incremental if it supports that."""
    scenario = "class" if "class" in METHODS[method].scenarios else "task"
    training = {"epochs": 2, "batch_size": 32, **training}
    return Case(method, split_digits(scenario), network, training).chain(method)[:3]


def print_waits(device: str) -> None:
    """Print a row for each method, and for some of them with convolutions and augmentation."""
    columns = ("method", "network", "steps", "waits a step", "in evaluation, a stage")
    columns += ("at the end of a task", "rest, a stage", "first line in a step", "same bits twice")
    print_head("Waits for the GPU", columns)
    rows = [(method, MLP, {}) for method in METHODS]
    rows += [(method, network, {}) for method in ("finetune", "er") for network in (CNN, RESNET)]
    rows += [("finetune", CNN, {"augment": AUGMENT}), ("er", MLP, {"optimizer": "rmsprop"})]
    rows += [("finetune", MLP, {"clip": 1.0}), ("finetune", MLP, {"precision": "bf16"})]
    for method, network, training in rows:
        try:
            print_method(method, network, training, device)
        except Exception as error:  # what one method cannot do must not hide the others
            print_row(method, network[0], f"failed: {type(error).__name__}: {error}")


def print_method(
    method: str, network: tuple[str, dict[str, Any]], training: dict[str, Any], device: str
) -> None:
    """Print the row of a method."""
    chain = watched_chain(method, network, **training)
    with count_steps() as counter, record_waits() as waits, warn_of_waits():
        first = run_states(chain, device)
    second = run_states(chain, device)
    phases, stages = Counter(wait.phase for wait in waits), len(chain)
    lines = [wait.line for wait in waits if wait.phase == "step"]
    print_row(
        " ".join([method, *(f"{k}={v}" for k, v in training.items())]),
        network[0],
        counter["steps"],
        f"{phases['step'] / max(counter['steps'], 1):.2f}",
        *(f"{phases[name] / stages:.1f}" for name in ("evaluation", "end", "rest")),
        Counter(lines).most_common(1)[0][0] if lines else "",
        "yes" if all(map(have_same_bits, first, second)) else "NO",
    )

"""The runs of the conformance suite: a snapshot after each task, learned with the learner's loop.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from methods.base import Method, TaskView
from methods.testing.blobs import NUM_TASKS, Blobs, State
from methods.testing.equality import copy_state, require_saveable
from methods.testing.watch import ExactMeter, watch_hooks
from orchestrator.stages.costs import FlopMeter

Flops = dict[int, dict[Hashable, int]]


@dataclass(frozen=True, eq=False)
class TaskSnapshot:
    """The state after a task, and the scores [B, C] of the tasks that `predict` supports."""

    after: int
    state: State
    scores: Mapping[int, Tensor]


def snapshots(
    blobs: Blobs, reload: bool = False, flops: Flops | None = None
) -> Iterator[TaskSnapshot]:
    """Yield a snapshot after each task.

    Args:
        blobs: the method and the tasks.
        reload: whether each task starts from a new method with the saved state.
        flops: FLOPs of steps by task and kind, shared between runs that must agree; None counts
            none. A run that reloads counts the first step of each kind.
    """
    method, state = blobs.create_method(), State()
    for after in range(1, NUM_TASKS + 1):
        if after > 1 and blobs.method_class.starts_afresh:
            method = blobs.create_method()
        elif after > 1 and reload:
            method = blobs.restore(state, num_learned=after - 1)
        meter = ExactMeter(None if flops is None else flops.setdefault(after, {}), not reload)
        learn(method, blobs.view(after), blobs.epochs, meter)
        require_saveable(method.state_dict())
        state = copy_state(method.state_dict())
        yield TaskSnapshot(after, state, predictions(blobs, method, after))


def learn(
    method: Method,
    view: TaskView,
    epochs: int = 2,
    meter: FlopMeter | None = None,
    batch_size: int = 20,
    **options: Any,
) -> None:
    """Learn one task with the learner's loop and check hooks, phases and FLOPs."""
    from orchestrator.stages.learning.learner import Training, num_steps, train_task

    training = Training(epochs=epochs, batch_size=batch_size, lr=0.01, **options)
    view = replace(view, num_steps=num_steps(len(view.examples), training))
    with watch_hooks(method):
        train_task(method, view, training, meter or ExactMeter({}))
        method.end_task(view)


@torch.no_grad()
def predictions(blobs: Blobs, method: Method, after: int) -> dict[int, Tensor]:
    """Return the scores of every task that `predict` supports after task `after`."""
    method.eval()
    last = NUM_TASKS if method.scores_unseen else after
    reveals = blobs.scenario == "task"
    tasks = range(1, last + 1)
    return {t: method.predict(blobs.examples(t).x, t if reveals else None) for t in tasks}

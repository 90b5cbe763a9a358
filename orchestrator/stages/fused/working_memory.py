"""The bytes that learning a task holds, of a sibling as if it had been trained by itself."""

from __future__ import annotations

import copy

from methods.base import Method, TaskView
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning import learner
from orchestrator.stages.learning.training import Training
from orchestrator.stages.learning.updates import Updates


def sibling_bytes(method: Method, view: TaskView, training: Training, batch_size: int) -> int:
    """Return the bytes a sibling would hold, from a step of the plain learner on a copy of it.

    Args:
        method: after its training, with tensors of its own.
        view: its task.
        training: of the task.
        batch_size: of the last batch.
    """
    probe = copy.deepcopy(method)
    updates = Updates(probe, training, view, FlopMeter(), "")
    updates.take(view.examples[:batch_size])
    return learner.working_bytes(view, probe, updates)

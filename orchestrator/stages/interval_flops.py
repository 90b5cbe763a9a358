"""The FLOPs of what a method measures at intervals, on a full batch.

A stage that prices such a method measures when the task ends alone, on its last batch, which may be
short (`Config.without_interval`). Under equal means the steps of an interval end on either.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from torch import Tensor

from methods.base import TaskView
from orchestrator.errors import Diverged
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import train_task
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method


def count_interval_flops(
    stage: Stage, parent: Mapping[str, Tensor] | None, view: TaskView, meter: FlopMeter
) -> int | None:
    """Return the FLOPs of consolidation after a step on a full batch; None where none are wanted.

    That is so unless the method measures at the end alone, and batches differ in size.

    Args:
        stage: that was run.
        parent: the state that it started from.
        view: its task.
        meter: of its training.
    """
    even = stage.method.config.without_interval()
    if even is None or even[0] != stage.method.config or len(meter.batches) < 2:
        return None
    method = build_method(stage, parent, learned=stage.after - 1).to(view.examples.y.device)
    view = replace(view, examples=view.examples[: max(meter.batches)], num_steps=1)
    # FLOPs do not depend on the rate of a step, nor on whether it is compiled.
    once = replace(
        stage.training,
        epochs=1,
        iterations=None,
        schedule="constant",
        early_stopping=None,
        compile=False,
    )
    # Nor on the values: a step that diverges costs the same, and its state is thrown away.
    with suppress(Diverged):
        train_task(method, view, once, FlopMeter())
    ending = FlopMeter()
    ending.measure("once", method.end_task, view)
    return ending.total

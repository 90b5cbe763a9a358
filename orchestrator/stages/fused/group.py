"""Trains a group of siblings on one task, as `learning.learner.train_task` trains one method.

Shape legend: K siblings.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from methods.base import Method, TaskView
from orchestrator.errors import Diverged
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.fused.sibling_batches import SiblingBatches
from orchestrator.stages.fused.steps import FusedSteps
from orchestrator.stages.fused.working_memory import sibling_bytes
from orchestrator.stages.learning.learner import Trained, divergence_story
from orchestrator.stages.learning.training import Training

Result = tuple[Trained | Diverged, FlopMeter]


def train_group(
    methods: Sequence[Method],
    views: Sequence[TaskView],
    trainings: Sequence[Training],
    meter: FlopMeter,
) -> list[Result]:
    """Train siblings on one task, up to but not including `end_task`.

    Args:
        methods: each with the state of its parent stage; changed in place.
        views: of each the task, with as many examples.
        trainings: of each, in which `lr` alone may differ.
        meter: counts the FLOPs of one sibling, of a program that computes all slots.

    Returns:
        Of each sibling the extent of its training, or how it diverged, and its FLOPs.
    """
    for method, view, training in zip(methods, views, trainings, strict=True):
        method.train()
        method.configure_loss(view.allowed, training.label_smoothing)
        method.begin_task(view)
        # A method of several phases is not fusible, so that there is exactly one.
        (phase,) = method.phases(view)
        method.begin_phase(phase, view)
    steps = FusedSteps(methods, trainings, meter, views[0].examples.y.device)
    results = train_siblings(methods, views, trainings[0], steps)
    steps.release()
    # Siblings have tensors of the same sizes.
    held = Trained(working_bytes=sibling_bytes(methods[0], views[0], trainings[0], steps.last_size))
    return [
        (result if isinstance(result, Diverged) else result + held, count)
        for result, count in results
    ]


def train_siblings(
    methods: Sequence[Method], views: Sequence[TaskView], training: Training, steps: FusedSteps
) -> list[Result]:
    """Train siblings for all epochs; a sibling that diverges is computed on and ignored."""
    total = torch.zeros(len(methods), device=views[0].examples.y.device)
    samples, epoch, ended = 0, 0, dict[int, Result]()
    for epoch, steps_of_epoch in enumerate(SiblingBatches(views, training).epochs(), 1):
        for method in methods:
            method.begin_epoch(epoch)
        # At the first epoch the tensors were stacked a moment ago.
        if epoch > 1:
            steps.restack()
        for batches in steps_of_epoch:
            losses, shown = steps.take(batches)
            total, samples = total + losses, samples + shown
        # Read once an epoch: to read it at each step would wait for the GPU.
        story = divergence_story(views[0].index, samples)
        for number in (~torch.isfinite(total)).nonzero().flatten().tolist():
            # The first time counts: the loss stays infinite, and the FLOPs of a diverged stage end
            # here.
            ended.setdefault(number, (Diverged(story), steps.meter.copy()))
        for method in methods:
            method.after_epoch(epoch)
    trained = Trained(samples, epoch)
    return [ended.get(k, (trained, steps.meter.copy())) for k in range(len(methods))]

"""Prepares a stage: its method around its network, and its view of the task."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from methods.base import Examples, Method, Outlook, TaskView
from orchestrator.networks.networks import build_network
from orchestrator.seeding import stream
from orchestrator.stages.learner import num_steps
from orchestrator.stages.stage import Stage, network_shape


def build_method(stage: Stage, state: Mapping[str, Tensor] | None, learned: int) -> Method:
    """Return the stage's method around its network, with the `state` after `learned` tasks.

    Stage 0 has no method, so that all methods share it. The first stage of a method, and every
    stage of a method that starts afresh, takes only the network from the state.
    """
    shape = network_shape(stage.benchmark)
    network = build_network(stage.network.cls, stage.network.config, shape, stage.seed)
    cls: type[Method] = stage.method.cls if stage.after else Method
    fresh = learned == 0 or (cls.starts_afresh and learned < stage.after)
    outlook = Outlook(shape.num_classes, shape.input_shape, 0 if fresh else learned)
    method = cls(network, stage.method.config, outlook)
    if state is not None:
        names = {f"network.{name}" for name in network.state_dict()} if fresh else state.keys()
        method.load_state_dict({name: state[name] for name in names}, strict=not fresh)
    return method


def task_view(stage: Stage, method: Method, device: str) -> TaskView:
    """Return the view of the current task, or of all seen tasks in an order that is no history."""
    tasks = stage.benchmark.tasks()[: stage.after]
    if method.trains_on == "current":
        tasks = tasks[-1:]
    else:
        tasks = tuple(sorted(tasks, key=lambda task: task.key))
    examples = tasks[0].train
    if len(tasks) > 1:
        examples = Examples(
            torch.cat([task.train.x for task in tasks]), torch.cat([task.train.y for task in tasks])
        )
    allowed = stage.benchmark.train_allowed(stage.after)
    return TaskView(
        index=stage.after,
        classes=tuple(sorted({label for task in tasks for label in task.classes})),
        examples=examples.to(device),
        allowed=None if allowed is None else allowed.to(device),
        stream=lambda purpose: stream(stage.seed, stage.after, purpose),
        num_steps=num_steps(len(examples), stage.training),
        scenario=stage.benchmark.scenario,
    )

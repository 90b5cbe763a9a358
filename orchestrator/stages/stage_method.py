"""The method of a stage: built from a state, given its view of the task, scored on all tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from methods.base import Examples, Method, Outlook, TaskView
from methods.parts.evaluation_mode import evaluation_mode
from orchestrator.benchmarks.tasks import Task
from orchestrator.networks.networks import build_network
from orchestrator.seeding import stream
from orchestrator.stages.build_stages import network_shape
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import num_steps
from orchestrator.stages.learning.optimizer_state import is_of_optimizer
from orchestrator.stages.record import Score
from orchestrator.stages.scoring import pool_scores, score_examples
from orchestrator.stages.stage import Stage


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
        names = {name for name in state if not is_of_optimizer(name)}
        if fresh:
            names = {
                n for n, tensor in initial_tensors(network) if not is_replaced(n, tensor, state)
            }
        # A fresh method takes the network alone; what else it holds stays as it was made.
        method.load_state_dict({name: state[name] for name in names}, strict=not fresh)
    return method


def initial_tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a network by their names in a state."""
    return ((f"network.{name}", tensor) for name, tensor in network.state_dict().items())


def is_replaced(name: str, tensor: Tensor, state: Mapping[str, Tensor]) -> bool:
    """Return whether a method replaced the head, which then starts as the method made it."""
    stored = state.get(name)
    return name.startswith("network.head.") and (stored is None or stored.shape != tensor.shape)


def task_view(stage: Stage, method: Method, device: str) -> TaskView:
    """Return the view of the current task, or of all seen tasks in an order that is no history."""
    tasks = trained_tasks(stage, method)
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


def trained_tasks(stage: Stage, method: Method) -> tuple[Task, ...]:
    """Return the task of a stage, or all seen tasks in an order that is no history."""
    tasks = stage.benchmark.tasks()[: stage.after]
    if method.trains_on == "current":
        return tasks[-1:]
    return tuple(sorted(tasks, key=lambda task: task.key))


def score_trained_tasks(stage: Stage, method: Method, device: str, meter: FlopMeter) -> Score:
    """Return the score on the validation data of the tasks that a method is being trained on."""
    scores = []
    with evaluation_mode(method):
        for task in trained_tasks(stage, method):
            allowed = stage.benchmark.eval_allowed(stage.after, task.index)
            allowed = None if allowed is None else allowed.to(device)
            task_id = task.index if stage.benchmark.scenario == "task" else None
            examples, predict = task.validation.to(device), method.predict_current
            kind = ("validate", task_id)
            scores.append(score_examples(predict, examples, allowed, task_id, meter, kind))
    return pool_scores(scores)

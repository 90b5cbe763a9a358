"""Learning without Forgetting: distil the outputs of old classes on the images of the new task.

The teacher is a copy of the network after the last task. For each group of old classes that compete
with each other, its probabilities at temperature T are the targets of the network:

    L = CE + lam sum_groups KL(softmax(z_teacher / T) || softmax(z / T)),   mean over the batch

State:
    old_classes: bool [C], the outputs used by learned tasks; changes when a task ends. The teacher
    is not part of the state: when a task begins it is the network itself, and is copied.

Reference:
    Li and Hoiem 2016, Learning without forgetting, ECCV, eqs. 2-4, lam_o = 1 and T = 2.
    The factor T^2: Hinton et al. 2015, Distilling the knowledge in a neural network, section 2.

Deviations:
    The divergence replaces the cross-entropy with the teacher: the value differs, the gradient does
    not. The factor T^2 is off by default, as in the paper (`scale_by_temperature`). The paper's
    warm-up, in which only the new outputs learn, is off by default (`warm_up_epochs`).
    Groups follow the benchmark's table of competing outputs. If each task has its own outputs, each
    old task has a softmax and the divergences are summed, as in the paper; if all seen classes
    compete, all old classes share one softmax.
    If tasks share their outputs, every class is old from the second task on, and all are distilled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Phase, TaskView, neutral
from methods.parts.distillation import divergence, groups
from methods.parts.former import FormerNetwork
from methods.parts.ranges import require_positive, require_strength
from methods.parts.warm_up import WARM_UP, WarmUp


class LwF(Method):
    """Keep the network's outputs of old classes by distillation."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of LwF.

        Attributes:
            lam: weight of the distillation, at least 0.
            temperature: T, above 0; higher values give unlikely classes more weight.
            scale_by_temperature: whether the divergence is multiplied by T^2.
            scale_by_tasks: whether it is multiplied by t - 1, the number of tasks before.
            distil_over: "old" classes, or "all" outputs that compete with an old class, new ones
                included.
            warm_up_epochs: epochs before the others in which only the new outputs' weights and
                biases learn, from the second task on.
        """

        lam: float = 1.0
        temperature: float = 2.0
        scale_by_temperature: bool = False
        scale_by_tasks: bool = neutral(False)
        distil_over: Literal["old", "all"] = neutral("old")
        warm_up_epochs: int = neutral(0)

        def __post_init__(self) -> None:
            require_strength("lam", self.lam)
            require_positive("temperature", self.temperature)
            if self.warm_up_epochs < 0:
                raise ValueError(f"warm_up_epochs must be at least 0, given {self.warm_up_epochs}")

    version: ClassVar[int] = 2
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset(
        {
            *("lam", "temperature", "scale_by_temperature", "scale_by_tasks"),
            *("distil_over", "warm_up_epochs"),
        }
    )
    strength: ClassVar[str | None] = "lam"
    fusible: ClassVar[bool] = True
    storage: ClassVar[dict[str, str]] = {"old_classes": "teacher"}
    config: Config
    old_classes: Tensor
    _groups_GC: Tensor

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.teacher: FormerNetwork | None = None
        self.warm_up = WarmUp(network) if config.warm_up_epochs else None
        self.weight = config.lam
        self.register_buffer("old_classes", torch.zeros(outlook.num_classes, dtype=torch.bool))

    @classmethod
    def fuses(cls, config: Config) -> bool:
        """Return whether there is no warm-up, which is a phase of its own."""
        return not config.warm_up_epochs

    def begin_task(self, task: TaskView) -> None:
        """Copy the network as the teacher and compute the groups of competing old classes."""
        if task.index > 1:
            self.teacher = FormerNetwork(self.network)
            whole = self.config.distil_over == "all"
            self._groups_GC = groups(self.old_classes, task.allowed, whole)
        self.weight = self.config.lam
        # Hinton's T^2, which keeps the size of the gradients as T grows; no reference code applies
        # it.
        if self.config.scale_by_temperature:
            self.weight *= self.config.temperature**2
        if self.config.scale_by_tasks:
            # The weight of the old tasks grows with their number, as that of the new one stays 1.
            self.weight *= task.index - 1

    def phases(self, task: TaskView) -> Sequence[Phase]:
        """Return the training, after a warm-up if new outputs are to have one."""
        new = [label for label in task.classes if not self.old_classes[label]]
        if self.warm_up is None or self.teacher is None or not new:
            return (Phase(),)
        self.warm_up.new = new
        # A training has epochs or iterations, not both.
        training = {"epochs": self.config.warm_up_epochs, "iterations": None}
        return (Phase(WARM_UP, {**training, "early_stopping": None}), Phase())

    def begin_phase(self, phase: Phase, task: TaskView) -> None:
        """Begin or end the warm-up."""
        if self.warm_up is not None:
            self.warm_up.switch(phase.name == WARM_UP)

    def after_step(self, batch: Examples) -> None:
        """In a warm-up, put parameters that are not new back to their values."""
        if self.warm_up is not None:
            self.warm_up.after_step()

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss, plus the divergence from the second task on."""
        if self.warm_up is not None and self.warm_up.active:
            with self.warm_up.evaluation():
                return self.task_loss(batch)
        if self.teacher is None or self.config.lam == 0:
            return self.task_loss(batch)
        logits_BC = self.network(batch.x)
        # Targets are computed for each batch, so that they are those of the augmented images.
        change = divergence(
            self.teacher(batch.x), logits_BC, self._groups_GC, self.config.temperature
        )
        return self.task_loss(batch, logits_BC) + self.weight * change

    def end_task(self, task: TaskView) -> None:
        """Mark the task's classes as old and drop the teacher."""
        self.old_classes[list(task.classes)] = True
        self.teacher = None

    def step_kind(self) -> object:
        """Return whether a step runs the teacher."""
        return self.teacher is not None and self.config.lam > 0

"""The base of methods that train on a task's examples and all exemplars, beside the old network.

State:
    memory.*: the exemplars, see `methods.parts.exemplars`; they change when a task ends.

Reference:
    See the methods.

Deviations:
    Those of `methods.parts.exemplars`. The teacher is a copy that is made when a task begins and
    dropped when it ends; its outputs are computed batch by batch, in evaluation mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.budget import Budget, MemoryConfig
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.distillation import divergence, groups
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplars import ExemplarMemory, output_layer, representations
from methods.parts.former import FormerNetwork
from methods.parts.held_out import first_of_each
from methods.parts.memory import repeat
from methods.parts.ranges import require_count


@dataclass(frozen=True, kw_only=True)
class ExemplarConfig(MemoryConfig):
    """Hyperparameters of a method with exemplars.

    Attributes:
        exemplar_passes: passes over the exemplars per epoch, at least 1.
    """

    exemplar_passes: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("exemplar_passes", self.exemplar_passes)


class ExemplarReplay(Method):
    """A method that trains on new examples and exemplars together, with the old network as teacher.

    Class attributes:
        has_teacher: whether the old network is copied as the teacher.

    Attributes:
        old_C: bool, the outputs of earlier tasks.
        old_share: their share of the outputs seen, this task's included.
        teacher: the network when the task began; None in the first task.
    """

    Config: ClassVar[type[base.Config]] = ExemplarConfig
    has_teacher: ClassVar[bool] = True
    scenarios: ClassVar[frozenset[str]] = frozenset({"class"})
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"exemplar_passes"})
    storage: ClassVar[dict[str, str]] = {"memory": "buffer"}
    config: Any
    _groups_GC: Tensor

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the memory is smaller than one per class."""
        return super().objection(config, setting) or ClassBalancedMemory.objection(
            cls.exemplar_budget(config), setting
        )

    @classmethod
    def exemplar_budget(cls, config: Any) -> Budget:
        """Return the budget of the exemplars."""
        budget: Budget = config.budget
        return budget

    def __init__(self, network: nn.Module, config: Any, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = ExemplarMemory(self.exemplar_budget(config), outlook, self.represent)
        output_layer(network)  # raises ValueError if there is none
        self.teacher: FormerNetwork | None = None
        self.old_C = torch.zeros(outlook.num_classes, dtype=torch.bool)
        self.old_share = 0.0

    def begin_task(self, task: TaskView) -> None:
        """Copy the network as the teacher, from the second task on."""
        self.start_replay(task)

    def examples(self, task: TaskView) -> Examples:
        """Return the task's examples and the exemplars, repeated `exemplar_passes` times."""
        return self.with_exemplars(task.examples)

    def end_task(self, task: TaskView) -> None:
        """Choose exemplars of the new classes and drop some of the old classes."""
        self.keep_exemplars(task)

    def step_kind(self) -> object:
        """Return whether a step runs the teacher."""
        return self.teacher is not None

    @final
    def start_replay(self, task: TaskView) -> None:
        """Note the old classes and, if there are any, copy the network as the teacher."""
        self.memory.begin_task(task)
        if self.has_teacher and self.memory.filled:
            self.teacher = FormerNetwork(self.network)
        self.old_C = self.memory.y.long().bincount(minlength=self.outlook.num_classes) > 0
        num_old = int(self.old_C.sum())
        self.old_share = num_old / (num_old + len(task.classes))
        self._groups_GC = groups(self.old_C, task.allowed)

    @final
    def with_exemplars(self, examples: Examples) -> Examples:
        """Return examples and the exemplars, repeated `exemplar_passes` times."""
        exemplars = self.memory[: self.memory.filled]
        return examples + repeat(exemplars, self.config.exemplar_passes)

    @final
    def balanced_examples(self, task: TaskView) -> Examples:
        """Return exemplars and random new examples, as many of each class as of the rarest."""
        examples = self.memory[: self.memory.filled] + task.examples
        # Drawn on the CPU, so that a GPU takes the same examples.
        order = torch.randperm(len(examples), generator=task.stream("balanced examples"))
        examples = examples[order.to(examples.y.device)]
        return examples[first_of_each(examples.y)]

    @final
    def keep_exemplars(self, task: TaskView) -> None:
        """Drop the teacher, and bring the memory up to date with a task that ends."""
        self.teacher = None
        self.memory.end_task(task)

    @final
    def distillation_loss(self, batch: Examples, temperature: float) -> Tensor:
        """Return (1 - k) CE + k KL, the divergence from the teacher, with k = `old_share`."""
        logits_BC = self.network(batch.x)
        loss = self.task_loss(batch, logits_BC)
        if self.teacher is None:
            return loss
        change = divergence(self.teacher(batch.x), logits_BC, self._groups_GC, temperature)
        return (1 - self.old_share) * loss + self.old_share * change

    @torch.no_grad()
    def represent(self, x: Tensor) -> Tensor:
        """Return normalised representations [B, F] of images, in evaluation mode."""
        with evaluation_mode(self.network):
            return representations(self.network, x)

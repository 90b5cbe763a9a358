"""Hooks of methods with exemplars and a teacher, which iCaRL and `ExemplarReplay` share.

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

from methods.base import Examples, Outlook, TaskView
from methods.parts.budget import Budget, MemoryConfig
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplars import ExemplarMemory, representations
from methods.parts.former import FormerNetwork
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


class ExemplarHooks:
    """What a method with exemplars does at its hooks; extended beside `Method`.

    It is no method and has no version: keys of own code have the versions of all that a class
    extends, and own code that extends iCaRL had none of a base between iCaRL and `Method`.

    Class attributes:
        has_teacher: whether the old network is copied as the teacher.

    Attributes:
        memory: the exemplars.
        old_C: bool, the outputs of earlier tasks.
        num_old: how many they are.
        teacher: the network when the task began; None in the first task.
    """

    has_teacher: ClassVar[bool] = True
    network: nn.Module
    config: Any
    outlook: Outlook
    memory: ExemplarMemory
    old_C: Tensor
    num_old: int
    teacher: FormerNetwork | None

    @final
    def create_memory(self, budget: Budget) -> None:
        """Create an empty memory of exemplars."""
        self.memory = ExemplarMemory(budget, self.outlook, self.represent)
        self.teacher = None
        self.old_C = torch.zeros(self.outlook.num_classes, dtype=torch.bool)
        self.num_old = 0

    @final
    def start_memory(self, task: TaskView) -> None:
        """Note the old classes and, if there are any, copy the network as the teacher."""
        self.memory.begin_task(task)
        if self.has_teacher and self.memory.filled:
            self.teacher = FormerNetwork(self.network)
        # From the labels in the memory, so that it needs no state of its own.
        self.old_C = self.memory.y.long().bincount(minlength=self.outlook.num_classes) > 0
        # Counted here, since a step that counts them waits for a GPU.
        self.num_old = int(self.old_C.sum())

    def examples(self, task: TaskView) -> Examples:
        """Return the task's examples and the exemplars, repeated `exemplar_passes` times."""
        return self.with_exemplars(task.examples)

    @final
    def with_exemplars(self, examples: Examples) -> Examples:
        """Return examples and the exemplars, repeated `exemplar_passes` times."""
        exemplars = self.memory[: self.memory.filled]
        return examples + repeat(exemplars, self.config.exemplar_passes)

    @final
    def keep_exemplars(self, task: TaskView) -> None:
        """Drop the teacher, and bring the memory up to date with a task that ends."""
        self.teacher = None
        self.memory.end_task(task)

    def step_kind(self) -> object:
        """Return whether a step runs the teacher."""
        return self.teacher is not None

    @torch.no_grad()
    def represent(self, x: Tensor) -> Tensor:
        """Return normalised representations [B, F] of images, in evaluation mode."""
        with evaluation_mode(self.network):
            return representations(self.network, x)

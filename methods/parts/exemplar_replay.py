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

from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.budget import Budget
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.distillation import divergence, groups
from methods.parts.exemplar_hooks import ExemplarConfig as ExemplarConfig
from methods.parts.exemplar_hooks import ExemplarHooks
from methods.parts.exemplars import output_layer
from methods.parts.held_out import first_of_each


class ExemplarReplay(ExemplarHooks, Method):
    """A method that trains on new examples and exemplars together, with the old network as teacher.

    Attributes:
        old_share: the old outputs' share of those seen, this task's included.
    """

    Config: ClassVar[type[base.Config]] = ExemplarConfig
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
        self.create_memory(self.exemplar_budget(config))
        output_layer(network)  # raises ValueError if there is none
        self.old_share = 0.0

    def begin_task(self, task: TaskView) -> None:
        """Copy the network as the teacher, from the second task on."""
        self.start_replay(task)

    def end_task(self, task: TaskView) -> None:
        """Choose exemplars of the new classes and drop some of the old classes."""
        self.keep_exemplars(task)

    @final
    def start_replay(self, task: TaskView) -> None:
        """Note the old classes and, if there are any, copy the network as the teacher."""
        self.start_memory(task)
        self.old_share = self.num_old / (self.num_old + len(task.classes))
        self._groups_GC = groups(self.old_C, task.allowed)

    @final
    def balanced_examples(self, task: TaskView) -> Examples:
        """Return exemplars and random new examples, as many of each class as of the rarest."""
        examples = self.memory[: self.memory.filled] + task.examples
        # Drawn on the CPU, so that a GPU takes the same examples.
        order = torch.randperm(len(examples), generator=task.stream("balanced examples"))
        examples = examples[order.to(examples.y.device)]
        return examples[first_of_each(examples.y)]

    @final
    def distillation_loss(self, batch: Examples, temperature: float) -> Tensor:
        """Return (1 - k) CE + k KL, the divergence from the teacher, with k = `old_share`."""
        logits_BC = self.network(batch.x)
        loss = self.task_loss(batch, logits_BC)
        if self.teacher is None:
            return loss
        change = divergence(self.teacher(batch.x), logits_BC, self._groups_GC, temperature)
        return (1 - self.old_share) * loss + self.old_share * change

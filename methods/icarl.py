"""iCaRL: exemplars of every class, distillation, and classification by the nearest class mean.

A task is trained on its own examples and all exemplars together. Each output is a binary
classifier: outputs of new classes learn the label, outputs of old classes learn q, the
probabilities of the network at the start of the task:

    L = mean_x [ - sum_{c new} log-likelihood of (y = c) - sum_{c old} log-likelihood of q_c(x) ]

An image is assigned to the class whose exemplars have the nearest mean representation.

State:
    memory.*: the exemplars, see `methods.parts.exemplars`. means: float32 [C, F], the mean
    representation of each class, stored so that a prediction needs no pass over all exemplars;
    zeros for a class without exemplars. Both change when a task ends.

Reference:
    Rebuffi et al. 2017, iCaRL: incremental classifier and representation learning, CVPR, algorithms
    1-5.

Deviations:
    Outputs that do not compete with an example's label (unseen classes; other tasks' classes in the
    task scenario) are left out of its sum. In other scenarios the outputs of old classes are always
    part of it, whatever the training mask, so that they are distilled on new images too.
    q is computed batch by batch with a copy of the network in evaluation mode, not stored
    beforehand; the copy is dropped when the task ends. An epoch passes over the exemplars five
    times by default, since a task is often trained for one epoch: the paper's 70 epochs pass over
    them 70 times. `exemplar_passes: 1` is the paper's union.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.exemplar_hooks import ExemplarConfig, ExemplarHooks
from methods.parts.exemplars import output_layer


class ICaRL(ExemplarHooks, Method):
    """Train on new examples and exemplars, and classify by the nearest mean of exemplars."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ExemplarConfig):
        """Hyperparameters of iCaRL. The budget is for exemplars; the means are not part of it.

        Attributes:
            exemplar_passes: passes over the exemplars per epoch, at least 1.
        """

    version: ClassVar[int] = 2
    scenarios: ClassVar[frozenset[str]] = frozenset({"task", "class"})
    scores_unseen: ClassVar[bool] = False
    # The target is one-hot.
    takes_mixtures: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"memory": "buffer", "means": "buffer"}
    means: Tensor
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the memory is smaller than one per class."""
        return super().objection(config, setting) or ClassBalancedMemory.objection(
            config.budget, setting
        )

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return 1 where the training mask keeps the outputs of old classes anyway."""
        return cls.version if (setting.scenario, setting.train_mask) == ("class", "current") else 1

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.create_memory(config.budget)
        num_features = output_layer(network).in_features
        self.register_buffer("means", torch.zeros((outlook.num_classes, num_features)))
        self._distilled = self.old_C

    def begin_task(self, task: TaskView) -> None:
        """Copy the network as the teacher, from the second task on."""
        self.start_memory(task)
        self._distilled = self.old_C & (task.scenario != "task")

    def loss(self, batch: Examples) -> Tensor:
        """Return the sum of binary cross-entropies over outputs, mean over the batch."""
        logits = self.network(batch.x)
        target = F.one_hot(batch.y, self.outlook.num_classes).to(logits.dtype)
        if self.teacher is not None:
            target = torch.where(self.old_C, self.teacher(batch.x).sigmoid(), target)
        # The mask of the outputs, read from masked zeros.
        competes = (self.mask_logits(torch.zeros_like(logits), batch.y) == 0) | self._distilled
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (loss * competes).sum(dim=1).mean()

    def end_task(self, task: TaskView) -> None:
        """Choose exemplars of the new classes and drop some of the old classes."""
        self.keep_exemplars(task)
        self.means = self.memory.means()

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return minus the squared distances [B, C] to the means of exemplars.

        Scores are at least -4; that of a class without exemplars is -5.
        """
        features_BF = self.represent(x)
        # ||f - m||^2 with ||m|| = 1.
        square_B1 = features_BF.square().sum(dim=1, keepdim=True)
        near_BC = 2 * features_BF @ self.means.T - square_B1 - 1
        return torch.where(self.means.any(dim=1), near_BC, -5.0)

    def predict_current(self, x: Tensor, task: int | None) -> Tensor:
        """Return the outputs [B, C] of the network, since new classes have no exemplars yet."""
        return cast(Tensor, self.network(x))

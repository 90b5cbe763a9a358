"""iCaRL: exemplars of every class, a network that keeps its answers, the nearest mean decides.

A task is trained on its own examples and all exemplars together. Each output is a yes or no of its
own: those of new classes learn the label, those of classes met before what the network said at the
task's start, q:

    L = mean_x [ - sum_{c new} log-likelihood of (y = c) - sum_{c old} log-likelihood of q_c(x) ]

An image is given the class whose exemplars' mean representation is nearest to its own.

State:
    memory.*: the exemplars, see `methods.parts.exemplars`. means: float32 [C, F], their mean
    representation by class, so that a prediction does not cost a pass over all of them; zeros where
    a class has none. Both change when a task ends.

Reference:
    Rebuffi et al. 2017, iCaRL: incremental classifier and representation learning, CVPR, algorithms
    1-5.

Deviations:
    Outputs that do not compete with an example's label (unseen classes; other tasks' classes if the
    task is told) are left out of its sum. Where the task is not told, the outputs of classes met
    before always count, whatever the training mask: on new images too the old answers are kept.
    q is taken from a copy of the network in evaluation mode, batch by batch, not stored beforehand;
    the copy lives as long as the task does. An epoch goes through the exemplars five times by
    default, since a task is often trained for one epoch: the paper's 70 epochs go through them 70
    times. `exemplar_passes: 1` is the paper's union.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.budget import MemoryConfig
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.exemplars import ExemplarMemory, head_of, representations
from methods.parts.memory import repeated
from methods.parts.ranges import require_count
from methods.parts.sensitivity import evaluation_mode


class ICaRL(Method):
    """Learn from new examples and exemplars, and classify by the nearest mean of exemplars."""

    @dataclass(frozen=True, kw_only=True)
    class Config(MemoryConfig):
        """Hyperparameters of iCaRL. The budget is the exemplars'; their means come on top.

        Attributes:
            exemplar_passes: how often an epoch goes through the exemplars, at least 1.
        """

        exemplar_passes: int = 5

        def __post_init__(self) -> None:
            super().__post_init__()
            require_count("exemplar_passes", self.exemplar_passes)

    version: ClassVar[int] = 2
    scenarios: ClassVar[frozenset[str]] = frozenset({"task", "class"})
    scores_unseen: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"memory": "buffer", "means": "buffer"}
    means: Tensor
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return that the scenario is not served, or that some class would have no exemplar."""
        return super().objection(config, setting) or ClassBalancedMemory.objection(
            config.budget, setting
        )

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = ExemplarMemory(config.budget, outlook, self.represent)
        num_features = head_of(network).in_features
        self.register_buffer("means", torch.zeros((outlook.num_classes, num_features)))
        # Not registered: it is no part of the state.
        self._teacher: tuple[nn.Module, ...] = ()
        self._old = self._kept = torch.zeros(outlook.num_classes, dtype=torch.bool)

    def begin_task(self, task: TaskView) -> None:
        """Set aside the network as it is, if it has learned anything yet."""
        self.memory.begin_task(task)
        if self.memory.filled:
            self._teacher = (copy.deepcopy(self.network).requires_grad_(False).eval(),)
        self._old = self.memory.y.long().bincount(minlength=self.outlook.num_classes) > 0
        self._kept = self._old & (task.scenario != "task")

    def examples(self, task: TaskView) -> Examples:
        """Return the task's examples and all exemplars, `exemplar_passes` times over."""
        held = self.memory[: self.memory.filled]
        return task.examples + repeated(held, self.config.exemplar_passes)

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean over the batch of the outputs' summed binary cross-entropies."""
        logits = self.network(batch.x)
        wanted = F.one_hot(batch.y, self.outlook.num_classes).to(logits.dtype)
        for teacher in self._teacher:
            wanted = torch.where(self._old, teacher(batch.x).sigmoid(), wanted)
        competes = (self.masked(torch.zeros_like(logits), batch.y) == 0) | self._kept
        loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return (loss * competes).sum(dim=1).mean()

    def end_task(self, task: TaskView) -> None:
        """Choose exemplars of the new classes; let go of some of the old ones."""
        self._teacher = ()
        self.memory.end_task(task)
        self.means = self.memory.means()

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return minus the squared distances [B, C] to the means of exemplars.

        They are at least -4; a class without exemplars scores -5.
        """
        features_BF = self.represent(x)
        # The means have length 1.
        square_B1 = features_BF.square().sum(dim=1, keepdim=True)
        near_BC = 2 * features_BF @ self.means.T - square_B1 - 1
        return torch.where(self.means.any(dim=1), near_BC, -5.0)

    @torch.no_grad()
    def represent(self, x: Tensor) -> Tensor:
        """Return normalised representations [B, F] of images, in evaluation mode."""
        with evaluation_mode(self.network):
            return representations(self.network, x)

    def step_kind(self) -> object:
        """Return whether there is a network whose answers are kept."""
        return len(self._teacher)

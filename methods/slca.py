"""SLCA: a body that learns slowly, and a classifier that is aligned by Gaussians of the classes.

The body takes a small share of each step of the optimiser, as with a rate so much lower. While a
task is learned, the outputs of its own classes alone compete. Then the mean and the covariance of
the features of each new class are measured and, from the second task on, a second phase trains the
head alone, on features drawn from the Gaussians of all classes seen:

    L = CE(z / (temperature mean_t ||z_t||), y),    z_t the scores of the classes of task t

Works with any network whose output layer is called head; the papers' are pretrained transformers.

State:
    gaussians.means: float32 [C, F]; gaussians.covariances: float32 [C, F, F]; owners: int16 [C],
    the task of each class, 0 for none. They change when a task's training ends.

Reference:
    Zhang et al. 2023, SLCA: slow learner with classifier alignment for continual learning on a
    pre-trained model, ICCV, sections 3.2 and 3.3; details from the authors' code.

Deviations:
    The share applies to the optimiser's step in place of its rate, which for SGD, momentum, Adam
    and AdamW is the same. Means of older classes are not scaled towards 0.9, as the authors' code
    does. The batches of the alignment have `per_class` features each, as many as there are classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Phase, Setting, TaskView
from methods.parts.drawn_layers import drawn_parameters, has_hidden_layers
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplars import BATCH, output_layer, scores_and_features
from methods.parts.gaussians import ClassGaussians
from methods.parts.ranges import require_one, require_positive, require_share, require_strength
from methods.parts.token_adapter import own_outputs_only

ALIGNMENT = "classifier alignment"


class SLCA(Method):
    """Learn the body slowly, and align the head with Gaussians of the features of each class."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of SLCA.

        Attributes:
            slow: share of the optimiser's step that the body takes, in [0, 1].
            alignment_epochs: epochs of the second phase; 0: no such phase.
            alignment_lr: its learning rate at first, above 0.
            per_class: features drawn of each class in an epoch, at least 1.
            temperature: of the normalised scores, above 0.
        """

        slow: float = 0.01
        alignment_epochs: int = 5
        alignment_lr: float = 0.01
        per_class: int = 256
        temperature: float = 0.1

        def __post_init__(self) -> None:
            require_share("slow", self.slow)
            require_strength("alignment_epochs", self.alignment_epochs)
            require_positive("alignment_lr", self.alignment_lr)
            require_one("per_class", self.per_class)
            require_positive("temperature", self.temperature)

    version: ClassVar[int] = 2
    scenarios: ClassVar[frozenset[str]] = frozenset({"class"})
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset(
        {"alignment_epochs", "alignment_lr", "per_class", "temperature"}
    )
    storage: ClassVar[dict[str, str]] = {"gaussians": "buffer", "owners": "buffer"}
    owners: Tensor
    config: Config

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return 1 without hidden layers, which learned slowly at first, else the version."""
        return cls.version if has_hidden_layers(setting) else 1

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        # What was drawn learns at the full rate: of the body alone the steps are reduced.
        head, num_classes = output_layer(network), outlook.num_classes
        self.gaussians = ClassGaussians(num_classes, head.in_features)
        self.register_buffer("owners", torch.zeros(num_classes, dtype=torch.int16))
        of_head, drawn = {*head.parameters()}, drawn_parameters(network)
        self._below = [p for p in network.parameters() if p.requires_grad and p not in of_head]
        self._body = [p for p in self._below if p not in drawn]
        self._before: list[Tensor] = []
        self._task: TaskView | None = None
        self._aligns = False

    def begin_task(self, task: TaskView) -> None:
        """Note the task, whose features are to be measured, and where the body begins."""
        self._task = task
        self._before = [p.detach().clone() for p in self._body] if self.config.slow < 1 else []

    def phases(self, task: TaskView) -> Sequence[Phase]:
        """Return the training and, from the second task on, the alignment."""
        training: dict[str, Any] = {
            **{"epochs": self.config.alignment_epochs, "lr": self.config.alignment_lr},
            **{"optimizer": "sgd", "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine"},
            **{"batch_size": self.config.per_class, "drop_last": False, "augment": ()},
            **{"clip": None, "label_smoothing": 0.0, "early_stopping": None},
        }
        # Without Gaussians of earlier classes there is nothing to align the new outputs with.
        both = bool(self.owners.any()) and self.config.alignment_epochs > 0
        return (Phase(), Phase(ALIGNMENT, training)) if both else (Phase(),)

    def begin_phase(self, phase: Phase, task: TaskView) -> None:
        """Release what is below the head, or freeze it for the alignment."""
        self._aligns = phase.name == ALIGNMENT
        for parameter in self._below:
            parameter.requires_grad_(not self._aligns)
        self._generator = task.stream(ALIGNMENT)

    def examples(self, task: TaskView) -> Examples:
        """Return the task's examples, or labels whose features the loss draws."""
        if not self._aligns:
            return task.examples
        # The classes of this task are measured in the first step of the phase, so they have no
        # owner yet.
        present = torch.unique(task.examples.y)
        seen = torch.cat((self.owners.nonzero().flatten(), present))
        y = seen.repeat_interleave(self.config.per_class)
        # Without inputs: the loss draws features of these labels anew at each step.
        return Examples(torch.zeros((len(y), 0), device=y.device), y)

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss over the task's own outputs, or that of the alignment."""
        if not self._aligns:
            classes = () if self._task is None else self._task.classes
            # Outputs of other classes are left to the alignment: a loss over all would push them
            # down.
            logits_BC = own_outputs_only(self.network(batch.x).float(), classes)
            return self.task_loss(batch, logits_BC)
        if self._task is not None:
            self.measure_task()
            # Once in a phase: the Gaussians do not change while the head is aligned to them.
            self.gaussians.factorise(self.owners.nonzero().flatten().tolist())
        drawn = self.gaussians.draw(batch.y, self._generator)
        scores_BC = output_layer(self.network)(drawn).float()
        return aligned_loss(scores_BC, batch.y, self.owners, self.config.temperature)

    def step_kind(self) -> object:
        """Return whether a step of the alignment measures the task's features."""
        return self._aligns and self._task is not None

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Reduce the body's step to its share."""
        if not self._aligns:
            for before, parameter in zip(self._before, self._body, strict=False):
                # The values before the step plus a share of it, which the next step begins with.
                before.lerp_(parameter, self.config.slow)
                parameter.copy_(before)

    @torch.no_grad()
    def measure_task(self) -> None:
        """Measure the Gaussians of the task's classes, once."""
        if self._task is None:
            return
        task, self._task = self._task, None
        with evaluation_mode(self.network):
            parts = torch.split(task.examples.x, BATCH)
            features = torch.cat([scores_and_features(self.network, x)[1] for x in parts])
        self.gaussians.measure(features, task.examples.y, task.classes)
        self.owners[torch.unique(task.examples.y)] = task.index

    def end_task(self, task: TaskView) -> None:
        """Measure the task's features, if no alignment did."""
        self.measure_task()
        self.gaussians.forget_factors()
        self._before = []


def aligned_loss(scores_BC: Tensor, y: Tensor, owners: Tensor, temperature: float) -> Tensor:
    """Return the cross-entropy over seen classes of scores divided by their length.

    Args:
        scores_BC: of drawn features.
        y: their labels.
        owners: the task of each class, 0 for one that was not seen.
        temperature: above 0.
    """
    tasks = torch.unique(owners[owners > 0]).tolist()
    # The normalisation of logits: all are divided by the mean over tasks of the length of a task's
    # scores.
    lengths = [scores_BC[:, owners == task].norm(dim=1, keepdim=True) for task in tasks]
    length_B1 = torch.stack(lengths).mean(dim=0) + 1e-7
    seen_BC = (scores_BC / length_B1 / temperature).masked_fill(owners == 0, float("-inf"))
    return F.cross_entropy(seen_BC, y)

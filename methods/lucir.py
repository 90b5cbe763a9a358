"""LUCIR: cosine scores, features that keep their direction, a margin to the nearest new classes.

Scores are cosines of features and weights, times a scale, so that new classes have no longer
weights. From the second task on, with f the normalised features, f* those of the network when the
task began, and w_c the normalised weights,

    L = CE + lam_base sqrt(|old| / |new|) mean_x (1 - <f*(x), f(x)>)
           + mean over exemplars x and the K new classes nearest to each, of
             max(0, margin - <w_y, f(x)> + <w_k, f(x)>)

The weights of a new class begin as the mean of its normalised features.

State:
    memory.*: the exemplars, see `methods.parts.exemplars`; they change when a task ends.

Reference:
    Hou et al. 2019, Learning a unified classifier incrementally via rebalancing, CVPR, section 3.

Deviations:
    The authors remove the last ReLU of their ResNet; here a network's features do not depend on its
    head. Their scale begins at 1; here it begins at 10, as in `methods.parts.heads`, since a task
    is often trained for one epoch. Their fine-tuning on balanced exemplars, which they use on
    ImageNet alone, is left out. An epoch passes over the exemplars five times by default, as in
    `methods.icarl`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView
from methods.parts.exemplar_replay import ExemplarConfig, ExemplarReplay
from methods.parts.exemplars import output_layer, scores_and_features
from methods.parts.heads import CosineHead
from methods.parts.ranges import require_one, require_positive, require_strength


class LUCIR(ExemplarReplay):
    """Learn by cosines, keep features' directions, and keep old classes apart from new ones."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ExemplarConfig):
        """Hyperparameters of LUCIR.

        Attributes:
            lam_base: weight of the kept directions where there are as many old as new classes.
            margin: between an exemplar's own class and the nearest new ones, in cosines.
            nearest: K, the number of new classes that an exemplar is kept apart from, at least 1.
            margin_weight: of the margin loss, at least 0.
            scale: of the cosines when the first task begins, above 0; it is learned.
        """

        lam_base: float = 5.0
        margin: float = 0.5
        nearest: int = 2
        margin_weight: float = 1.0
        scale: float = 10.0

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("lam_base", "margin", "margin_weight"):
                require_strength(name, getattr(self, name))
            require_one("nearest", self.nearest)
            require_positive("scale", self.scale)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset(
        {"exemplar_passes", "lam_base", "margin", "nearest", "margin_weight"}
    )
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        network.head = CosineHead(output_layer(network), config.scale)
        super().__init__(network, config, outlook)
        self._new: tuple[int, ...] = ()
        self._unseen: TaskView | None = None

    def begin_task(self, task: TaskView) -> None:
        """Copy the teacher; the first step gives new classes their weights."""
        self.start_replay(task)
        self._new = task.classes
        self._unseen = None if self.teacher is None else task

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss and, from the second task on, the two others."""
        # In the first step, since the FLOPs of steps are counted and those of begin_task are not.
        if self._unseen is not None:
            task, self._unseen = self._unseen, None
            imprint(self.head.weight, self.represent(task.examples.x), task)
        logits_BC, features_BF = scores_and_features(self.network, batch.x)
        loss = self.task_loss(batch, logits_BC)
        if self.teacher is None:
            return loss
        with torch.no_grad():
            _, old_BF = scores_and_features(self.teacher.module, batch.x)
        # Of directions alone: the length of features is free to change.
        kept = 1 - F.cosine_similarity(features_BF, old_BF).mean()
        # The more old classes there are for each new one, the more is kept.
        lam = self.config.lam_base * sqrt(self.num_old / len(self._new))
        cosines_BC = logits_BC / self.head.scale
        return loss + lam * kept + self.config.margin_weight * self.margin_loss(cosines_BC, batch.y)

    def step_kind(self) -> object:
        """Return whether a step runs the teacher, and on how many examples weights are set."""
        return self.teacher is not None, 0 if self._unseen is None else len(self._unseen.examples)

    @property
    def head(self) -> CosineHead:
        """The head of the network."""
        return cast(CosineHead, self.network.head)

    def margin_loss(self, cosines_BC: Tensor, y: Tensor) -> Tensor:
        """Return the mean margin loss of the exemplars of old classes; 0 if there are none."""
        own_B1 = cosines_BC.gather(1, y.unsqueeze(1))
        # A task may have fewer classes than K.
        nearest = min(self.config.nearest, len(self._new))
        # A list as the index would wait for a GPU.
        new = torch.tensor(self._new).to(y.device, non_blocking=True)
        new_BK = cosines_BC[:, new].topk(nearest, dim=1).values
        losses_BK = (self.config.margin - own_B1 + new_BK).clamp(min=0)
        # The margin is of exemplars alone: examples of new classes count 0, and the mean is over
        # the others.
        old_B1 = self.old_C[y].unsqueeze(1)
        total: Tensor = (losses_BK * old_B1).sum()
        return total / (old_B1.sum() * nearest).clamp(min=1)


@torch.no_grad()
def imprint(weight_CF: Tensor, features_NF: Tensor, task: TaskView) -> None:
    """Set the weights of a task's classes to the mean directions of their features.

    Their length, which no cosine depends on, is the mean length of the others.
    """
    length = weight_CF.norm(dim=1).mean()
    for label in task.classes:
        own_NF = features_NF[task.examples.y == label]
        if len(own_NF):
            weight_CF[label] = length * F.normalize(own_NF.mean(dim=0), dim=0)

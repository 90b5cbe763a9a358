"""PODNet: pooled maps and features keep their directions; classes have several proxies.

From the second task on, with h the maps of the network's stages, f its features, * of the network
when the task began, and `pooled` the squares of a map, summed over its rows and over its columns,
normalised:

    L = NCA + sqrt(|seen| / |new|) (pod_spatial mean_stages |pooled(h) - pooled(h*)|
                                    + pod_flat (1 - <f, f*>))

The classifier and its loss NCA are those of `methods.parts.proxies`. Old classes' proxies do not
move then. A second phase trains all proxies alone, on as many examples of each class.

State:
    memory.*: the exemplars, see `methods.parts.exemplars`; they change when a task ends.

Reference:
    Douillard et al. 2020, PODNet: Pooled outputs distillation for small-tasks incremental learning,
    ECCV, eq. 4-8. Fixed old proxies and the second phase: the authors' code.

Deviations:
    Maps are those after the last ReLU of a stage; the authors take those before it, and remove the
    last of their ResNet. A stage is a run of layers whose maps have one shape. A network without
    convolutions has no maps: of the distillation the flat term alone is left. The scale of the
    similarities begins at 10, theirs at 1, since a task is often trained for one epoch. It stays at
    least 1: the loss lowers it as long as examples are not a margin apart. An epoch passes over the
    exemplars five times by default, as in `methods.icarl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, Phase, TaskView
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplar_replay import ExemplarConfig, ExemplarReplay
from methods.parts.exemplars import output_layer
from methods.parts.pooled_maps import maps_and_features, pool_maps
from methods.parts.proxies import ProxyHead, centroids, nca_loss
from methods.parts.ranges import require_one, require_positive, require_strength

BALANCED = "balanced fine-tuning"
LEAST_SCALE = 1.0


class PODNet(ExemplarReplay):
    """Keep pooled maps and features, and classify by several proxies of each class."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ExemplarConfig):
        """Hyperparameters of PODNet.

        Attributes:
            pod_spatial: weight of the pooled maps, at least 0.
            pod_flat: weight of the features, at least 0.
            proxies: of each class, at least 1.
            margin: of the similarity to the own class, at least 0.
            scale: of the similarities when the first task begins, above 0; it is learned.
            balanced_epochs: epochs of the second phase, at least 0; 0 leaves it out.
            balanced_lr: its learning rate, above 0.
        """

        pod_spatial: float = 3.0
        pod_flat: float = 1.0
        proxies: int = 10
        margin: float = 0.6
        scale: float = 10.0
        balanced_epochs: int = 20
        balanced_lr: float = 0.05

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("pod_spatial", "pod_flat", "margin"):
                require_strength(name, getattr(self, name))
            require_one("proxies", self.proxies)
            require_positive("scale", self.scale)
            require_positive("balanced_lr", self.balanced_lr)
            if self.balanced_epochs < 0:
                raise ValueError(
                    f"balanced_epochs must be at least 0, given {self.balanced_epochs}"
                )

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset(
        {"exemplar_passes", "pod_spatial", "pod_flat", "balanced_epochs", "balanced_lr"}
    )
    takes_mixtures: ClassVar[bool] = False
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        network.head = ProxyHead(output_layer(network), config.proxies)
        with torch.no_grad():
            network.head.scale.fill_(config.scale)
        super().__init__(network, config, outlook)
        self._learning = [p for p in network.parameters() if p.requires_grad]
        self._new: tuple[int, ...] = ()
        self._unseen: TaskView | None = None
        self._balances = False

    @property
    def head(self) -> ProxyHead:
        """The head of the network."""
        return cast(ProxyHead, self.network.head)

    @torch.no_grad()
    def begin_task(self, task: TaskView) -> None:
        """Copy the teacher; the first task draws its proxies, later ones set them at first step."""
        self.start_replay(task)
        self._new = task.classes
        self._unseen = None if self.teacher is None else task
        if self.teacher is None:
            generator = task.stream("proxies")
            for label in task.classes:
                own = self.head.weight[self.head.rows(label)]
                own.copy_(torch.randn(own.shape, generator=generator))

    def phases(self, task: TaskView) -> Sequence[Phase]:
        """Return the training and, from the second task on, that of the proxies alone."""
        training = {
            **{"epochs": self.config.balanced_epochs, "iterations": None},
            **{"optimizer": "sgd", "lr": self.config.balanced_lr, "momentum": 0.9},
            **{"schedule": "cosine", "weight_decay": 5e-4, "clip": None, "early_stopping": None},
        }
        # The first task has no old classes whose proxies could be out of balance with the new ones.
        both = self.teacher is not None and self.config.balanced_epochs > 0
        return (Phase(), Phase(BALANCED, training)) if both else (Phase(),)

    def begin_phase(self, phase: Phase, task: TaskView) -> None:
        """Release the network, or its head alone."""
        self._balances = phase.name == BALANCED
        for parameter in self._learning:
            parameter.requires_grad_(not self._balances)
        self.head.weight.requires_grad_(True)

    def examples(self, task: TaskView) -> Examples:
        """Return new examples and exemplars, in the second phase as many of each class."""
        if self._balances:
            return self.balanced_examples(task)
        return self.with_exemplars(task.examples)

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss of the phase; the second is of the classifier's loss alone."""
        if self._balances:
            with evaluation_mode(self.network):
                return self.classifier_loss(self.network(batch.x), batch.y)
        # In the first step, since the FLOPs of steps are counted and those of begin_task are not.
        if self._unseen is not None:
            task, self._unseen = self._unseen, None
            self.set_proxies(task)
        scores_BC, maps, features_BF = maps_and_features(self.network, batch.x)
        loss = self.classifier_loss(scores_BC, batch.y)
        if self.teacher is None:
            return loss
        with torch.no_grad():
            _, old_maps, old_BF = maps_and_features(self.teacher.module, batch.x)
        # pod_flat: the distance of normalised features.
        flat = 1 - F.cosine_similarity(features_BF, old_BF).mean()
        kept = self.config.pod_flat * flat
        if maps:
            # pod_spatial: the distance of pooled maps, averaged over the stages.
            pairs = zip(maps, old_maps, strict=True)
            distances = [(pool_maps(new) - pool_maps(old)).norm(dim=1).mean() for new, old in pairs]
            kept = kept + self.config.pod_spatial * torch.stack(distances).mean()
        # The more old classes there are for each new one, the more is kept.
        seen = self.num_old + len(self._new)
        return loss + sqrt(seen / len(self._new)) * kept

    def after_backward(self) -> None:
        """Leave the proxies of old classes as they are, but for the second phase."""
        gradient = self.head.weight.grad
        if self.teacher is not None and not self._balances and gradient is not None:
            self.head.weight.grad = gradient * self.learning_rows(gradient)

    @torch.no_grad()
    def after_step(self, batch: Examples) -> None:
        """Keep the scale from 0, below which examples would flee from their own proxies."""
        self.head.scale.clamp_(min=min(LEAST_SCALE, self.config.scale))

    def learning_rows(self, gradient: Tensor) -> Tensor:
        """Return 1 for the rows of the head that are not proxies of old classes, 0 for these."""
        old = self.old_C.repeat_interleave(self.head.proxies).unsqueeze(1)
        return (~old).to(gradient.dtype)

    def step_kind(self) -> object:
        """Return the phase, whether a step runs the teacher, and how many examples set proxies."""
        shown = 0 if self._unseen is None else len(self._unseen.examples)
        return self._balances, self.teacher is not None, shown

    def classifier_loss(self, scores_BC: Tensor, y: Tensor) -> Tensor:
        """Return NCA over the outputs that compete with each label."""
        # `masked` writes -inf where an output may not compete, so that 0 marks those that may.
        others = self.mask_logits(torch.zeros_like(scores_BC), y) == 0
        return nca_loss(scores_BC, y, others, self.config.margin * self.head.scale)

    @torch.no_grad()
    def set_proxies(self, task: TaskView) -> None:
        """Set the proxies of a task's classes to centroids of their features."""
        features_NF, generator = self.represent(task.examples.x), task.stream("proxies")
        for label in task.classes:
            own_NF = features_NF[task.examples.y == label]
            if len(own_NF):
                rows = self.head.rows(label)
                self.head.weight[rows] = centroids(own_NF, self.head.proxies, generator)

"""The base of methods that add a feature extractor for each task and keep the older ones frozen.

The classifier, a head that grows in inputs and outputs, is over the features of all extractors. An
auxiliary classifier over the features of the newest one, which tells the task's classes from each
other and from all old ones, makes it learn what the older ones lack:

    L = CE(all features) + lam_auxiliary CE(new features; the task's classes and one for all others)

State:
    network: with the newest extractor and the classifier. columns.<j>: the extractors of the tasks
    before, oldest first. memory.*: the exemplars, see `methods.parts.exemplars`. The auxiliary
    classifier is drawn when a task begins and dropped when it ends.

Reference:
    Yan et al. 2021, DER: Dynamically expandable representation for class incremental learning,
    CVPR, section 3.

Deviations:
    Those of `methods.parts.exemplars`. The first task has the head of the network as it was drawn,
    without outputs of later classes.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplar_replay import ExemplarConfig, ExemplarReplay
from methods.parts.exemplars import BATCH
from methods.parts.heads import GrowingHead
from methods.parts.initialisation import reinitialise
from methods.parts.layers import attach_hooks
from methods.parts.ranges import require_strength


@dataclass(frozen=True, kw_only=True)
class ExpansionConfig(ExemplarConfig):
    """Hyperparameters of a method that adds extractors.

    Attributes:
        lam_auxiliary: weight of the auxiliary classifier's loss, at least 0.
    """

    lam_auxiliary: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_strength("lam_auxiliary", self.lam_auxiliary)


class Expansion(ExemplarReplay):
    """A method with an extractor for each task, of which the newest learns."""

    Config: ClassVar[type[base.Config]] = ExpansionConfig
    has_teacher: ClassVar[bool] = False
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"exemplar_passes", "lam_auxiliary"})
    storage: ClassVar[dict[str, str]] = {"memory": "buffer", "columns": "columns"}

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the base's objection, or that the head is not linear."""
        if getattr(setting.network_config, "head", "linear") == "cosine":
            return "needs a linear head, which grows with the features, given head: cosine"
        return super().objection(config, setting)

    def __init__(self, network: nn.Module, config: Any, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        head = cast(nn.Linear, network.head)
        # The outputs of the first task begin with the weights that the network was drawn with.
        self._first = (
            head.weight.detach().clone(),
            None if head.bias is None else head.bias.detach(),
        )
        older = range(1, outlook.num_learned) if self.expands else ()
        network.head = GrowingHead(head, len(older) + 1 if outlook.num_learned else 0)
        self.columns = nn.ModuleList(self.new_column() for _ in older)
        self.auxiliary: nn.Linear | None = None
        self._auxiliary_label = torch.zeros(outlook.num_classes, dtype=torch.int64)

    @abstractmethod
    def new_column(self) -> nn.Module:
        """Return a frozen copy of the newest extractor: examples, or `entry`, to features."""

    @property
    def entry(self) -> nn.Module | None:
        """The layer of the network whose input the extractors take; None: they take examples."""
        return None

    @property
    def expands(self) -> bool:
        """Whether a task has an extractor of its own."""
        return True

    @property
    def head(self) -> GrowingHead:
        """The classifier."""
        return cast(GrowingHead, self.network.head)

    def begin_task(self, task: TaskView) -> None:
        """Freeze the newest extractor, go on with a copy of it, and let the classifier grow."""
        self.start_replay(task)
        if task.index > 1 and self.expands:
            self.add_column(task)
        # The learner puts the whole method into training mode, frozen columns included.
        self.columns.eval()
        # A task may repeat classes, so that the head may be large enough already.
        rows = max(len(self.head.bias), max(task.classes) + 1)
        if len(self.head.bias):
            self.head.grow(rows, task.stream("outputs"))
            return
        weight, bias = (None if v is None else v.to(task.examples.y.device) for v in self._first)
        assert weight is not None
        self.head.append(weight[:rows], weight.new_zeros(rows) if bias is None else bias[:rows])

    def add_column(self, task: TaskView) -> None:
        """Add the newest extractor to the columns, inputs to the head, and an auxiliary head."""
        features = self._first[0].shape[1]
        self.columns.append(self.new_column())
        self.head.widen(features * (len(self.columns) + 1), task.stream("inputs"))
        # Built without a draw from the global generator; `reinitialise` draws from the stream.
        self.auxiliary = nn.Linear(features, len(task.classes) + 1, device="meta").to_empty(
            device="cpu"
        )
        reinitialise(self.auxiliary, task.stream("auxiliary"))
        self.auxiliary.to(task.examples.y.device)
        # Label 0 of the auxiliary classifier is "any class of before"; those of the task are 1, 2,
        # ...
        self._auxiliary_label = torch.zeros_like(self.old_C, dtype=torch.int64)
        for number, label in enumerate(task.classes, 1):
            self._auxiliary_label[label] = number

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss and, from the second task on, the auxiliary classifier's."""
        scores_BC, features_BF = self.run(batch.x)
        loss = self.task_loss(batch, scores_BC)
        if self.auxiliary is None or self.config.lam_auxiliary == 0:
            return loss
        # The newest features are the last: the auxiliary classifier is for these alone.
        logits_BK = self.auxiliary(features_BF[:, -self.auxiliary.in_features :]).float()
        other, share = batch.mixture()
        own_B, other_B = (
            F.cross_entropy(logits_BK, self._auxiliary_label[y], reduction="none")
            for y in (batch.y, other)
        )
        lam: float = self.config.lam_auxiliary
        return loss + lam * (share * own_B + (1 - share) * other_B).mean()

    def end_task(self, task: TaskView) -> None:
        """Drop the auxiliary classifier and choose exemplars."""
        self.auxiliary = None
        self.keep_exemplars(task)

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C] by the features of all extractors."""
        return self.run(x)[0]

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores [B, C] and the features [B, K F] of all K extractors, the newest last."""
        entries, features = [x], []

        def widen(_head: nn.Module, own: tuple[Tensor]) -> Tensor:
            older = [column(entries[-1]).flatten(1) for column in self.columns]
            features.append(torch.cat((*older, own[0]), dim=1))
            return features[0]

        hooks = [self.head.register_forward_pre_hook(widen)]
        if self.entry is not None:
            hooks += [self.entry.register_forward_pre_hook(lambda _, a: entries.append(a[0]))]
        with attach_hooks(hooks):
            scores: Tensor = self.network(x)
        return scores, features[0]

    @torch.no_grad()
    def represent(self, x: Tensor) -> Tensor:
        """Return normalised features [B, K F] of images, in evaluation mode."""
        with evaluation_mode(self.network):
            return F.normalize(torch.cat([self.run(part)[1] for part in torch.split(x, BATCH)]))

"""The base of methods that train no network: scores from the features that it has.

The output layer is replaced by the identity, so that the network returns features and no weights
are carried that nothing reads. Features are those of evaluation mode: an untrained network, one
that was trained elsewhere, or the data themselves where there is no hidden layer.

A class without examples scores 1 below the lowest score of an example, so that it is predicted
where no other class competes.

Shape legend: N examples, B examples to score, C classes, F features.

Reference:
    See the methods.

Deviations:
    None.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Method, Outlook
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplars import BATCH, output_layer

Metric = Literal["cosine", "euclidean"]


class FixedFeatures(Method):
    """A method that learns in `end_task` from the features of the task's examples.

    Attributes:
        num_features: F.
    """

    takes_steps: ClassVar[bool] = False

    def __init__(self, network: nn.Module, config: Any, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.num_features = output_layer(network).in_features
        # The network then returns features, and no unused head is counted as storage.
        network.head = nn.Identity()

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """Return the features [N, F] of examples, float32, in evaluation mode."""
        with evaluation_mode(self.network):
            return torch.cat([self.network(part).float() for part in torch.split(x, BATCH)])

    @abstractmethod
    def score(self, features: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C] of features [B, F]; those of unseen classes are of no account."""

    @abstractmethod
    def seen_classes(self) -> Tensor:
        """Return bool [C]: whether there were examples of each class."""

    @torch.no_grad()
    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C], with those of unseen classes below the others."""
        return lower_unseen(self.score(self.features(x), task), self.seen_classes())


class ClassMeans(FixedFeatures):
    """A method on fixed features that carries the mean of every class.

    State:
        means: float32 [C, F], 0 for a class without examples. counts: int64 [C], its examples.
    """

    storage: ClassVar[dict[str, str]] = {"means": "model", "counts": "model"}
    means: Tensor
    counts: Tensor

    def __init__(self, network: nn.Module, config: Any, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.register_buffer("means", torch.zeros(outlook.num_classes, self.num_features))
        self.register_buffer("counts", torch.zeros(outlook.num_classes, dtype=torch.int64))

    def seen_classes(self) -> Tensor:
        """Return bool [C]: whether there were examples of each class."""
        return self.counts > 0

    def add(self, features: Tensor, y: Tensor) -> None:
        """Add features [N, F] with labels [N] to the means of their classes."""
        sums_CF, new_C = class_sums(features, y, len(self.counts))
        self.counts = self.counts + new_C
        # As a change, so that a class without new examples keeps its mean to the bit.
        change_CF = sums_CF - new_C.unsqueeze(1) * self.means
        self.means = self.means + change_CF / self.counts.clamp(min=1).unsqueeze(1)


def class_sums(features: Tensor, y: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the sums [C, F] of the features of each class, and its number of examples [C]."""
    member_NC = F.one_hot(y, num_classes)
    return member_NC.T.to(features.dtype) @ features, member_NC.sum(dim=0)


def lower_unseen(scores: Tensor, seen: Tensor) -> Tensor:
    """Return scores [B, C], those of unseen classes 1 below the lowest of each example."""
    return torch.where(seen, scores, scores.amin(dim=1, keepdim=True) - 1)


def similarities(x: Tensor, y: Tensor, metric: Metric) -> Tensor:
    """Return cosines, or minus the squared distances, [B, C] of rows [B, F] and [C, F]."""
    if metric == "cosine":
        return F.normalize(x) @ F.normalize(y).T
    squares = x.square().sum(dim=1, keepdim=True) + y.square().sum(dim=1)
    return 2 * x @ y.T - squares

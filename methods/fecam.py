"""FeCAM: a mean and a covariance of every class, and the Mahalanobis distance between directions.

Features are made more Gaussian by Tukey's transform, z <- z^p. Of the covariance S of a class, with
v1 the mean of its diagonal and v2 that of the rest,

    S_s = S + a1 v1 I + a2 v2 (1 - I),   S_n[i, j] = S_s[i, j] / sqrt(S_s[i, i] S_s[j, j])
    d_c(z) = u^T S_n^-1 u,   u = z / ||z|| - mu_c / ||mu_c||

and an example is assigned to the class with the least distance.

Shape legend: N examples, B examples to score, C classes, F features.

State:
    means: float32 [C, F], of transformed features. counts: int64 [C]. factors: float32
    [C, F (F + 1) / 2], the Cholesky factors of S_n, which distances are solved with, as
    `methods.parts.symmetric` packs them. scales: float32 [C, F], the roots of the diagonal of S_s;
    with them S follows from a factor, so that it is not carried beside it. All change when a task
    ends, and are part of the model.

Reference:
    Goswami et al. 2023, FeCAM: exploiting the heterogeneity of class distributions in exemplar-free
    continual learning, NeurIPS, section 3.

Deviations:
    Tukey's transform of a negative feature is -|z|^p; the paper has it after a ReLU alone. A class
    that several tasks have (domain-incremental) has the mean and covariance of all its examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Outlook, TaskView
from methods.parts.fixed_features import ClassMeans
from methods.parts.ranges import require_strength
from methods.parts.symmetric import (
    factorise,
    inverse_norms,
    pack_factor,
    triangle_size,
    unpack_factor,
)


class FeCAM(ClassMeans):
    """Classify by the Mahalanobis distance to class means, with a covariance of each class."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of FeCAM.

        Attributes:
            power: p, in (0, 1]; 1 leaves features as they are.
            shrink_diagonal: a1, at least 0.
            shrink_rest: a2, at least 0.
        """

        power: float = 0.5
        shrink_diagonal: float = 1.0
        shrink_rest: float = 1.0

        def __post_init__(self) -> None:
            if not 0 < self.power <= 1:
                raise ValueError(f"power must be in (0, 1], given {self.power}")
            require_strength("shrink_diagonal", self.shrink_diagonal)
            require_strength("shrink_rest", self.shrink_rest)

    version: ClassVar[int] = 2  # a class met for the first time costs no product of its factor
    storage: ClassVar[dict[str, str]] = {
        **ClassMeans.storage,
        **{"factors": "model", "scales": "model"},
    }
    factors: Tensor
    scales: Tensor
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        classes, size = outlook.num_classes, self.num_features
        self.register_buffer("factors", torch.zeros(classes, triangle_size(size)))
        self.register_buffer("scales", torch.zeros(classes, size))

    @torch.no_grad()
    def end_task(self, task: TaskView) -> None:
        """Add the task's features to the means and covariances of their classes."""
        features, y = self.transform(self.features(task.examples.x)), task.examples.y
        means, counts = self.means.double(), self.counts
        self.add(features, y)
        # Copies, since what `predict` reads is replaced class by class.
        self.factors, self.scales = self.factors.clone(), self.scales.clone()
        for label in task.classes:
            own = features[y == label].double()
            if not len(own):
                continue
            before, total = int(counts[label]), int(self.counts[label])
            offset = own - own.mean(dim=0)
            scatter = offset.T @ offset
            # The scatter of two sets together: that of each, and that of their means about the
            # common one.
            if before:
                gap = own.mean(dim=0) - means[label]
                # A covariance divides by n - 1, a scatter by nothing.
                scatter += self.covariance(label) * (before - 1)
                scatter += gap.outer(gap) * before * len(own) / total
            self.set_covariance(label, scatter / max(total - 1, 1))

    def transform(self, features: Tensor) -> Tensor:
        """Return features to the power p, with their signs."""
        power = self.config.power
        return features if power == 1 else features.sign() * features.abs() ** power

    def set_covariance(self, label: int, covariance: Tensor) -> None:
        """Shrink and normalise the covariance [F, F] of a class, and keep its factor and scales."""
        # Shrinking makes the covariance of few examples invertible.
        matrix = covariance + self.ridge(covariance)
        scale = matrix.diagonal().clamp(min=torch.finfo(torch.float32).tiny).sqrt()
        # Correlations, so that distances of different classes can be compared.
        matrix = matrix / scale.outer(scale)
        # Exactly 1, where the division left a rounding error.
        matrix.fill_diagonal_(1)
        self.factors[label] = pack_factor(factorise(matrix).float())
        self.scales[label] = scale.float()

    def covariance(self, label: int) -> Tensor:
        """Return the covariance [F, F] of a class before it was shrunk, float64."""
        factor = unpack_factor(self.factors[label].double())
        matrix = factor @ factor.T * self.scales[label].double().outer(self.scales[label].double())
        return matrix - self.ridge(matrix, shrunk=True)

    def ridge(self, covariance: Tensor, shrunk: bool = False) -> Tensor:
        """Return the term [F, F] that shrinking adds to a covariance, or has added already."""
        shares = (self.config.shrink_diagonal, self.config.shrink_rest)
        # Shrinking multiplies the mean of the diagonal, and of the rest, by 1 + share; of a shrunk
        # matrix the part that was added is therefore share / (1 + share).
        one, two = (share / (1 + share) if shrunk else share for share in shares)
        trace, size = covariance.trace(), len(covariance)
        rest = (covariance.sum() - trace) / max(size * (size - 1), 1)
        ridge = torch.full_like(covariance, float(two * rest))
        return ridge.fill_diagonal_(float(one * trace / size))

    def score(self, features: Tensor, task: int | None) -> Tensor:
        """Return minus the distances [B, C] of features [B, F]; 0 for an unseen class."""
        z_BF, means_CF = F.normalize(self.transform(features)), F.normalize(self.means)
        classes = zip(self.counts.tolist(), means_CF, self.factors, strict=True)
        scores = [
            -inverse_norms(factor.clone(), z_BF - mean) if count else z_BF.new_zeros(len(z_BF))
            for count, mean, factor in classes
        ]
        return torch.stack(scores, dim=1)

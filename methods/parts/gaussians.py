"""Gaussians of the features of each class: measured once, and drawn from.

Shape legend: N examples, C classes, F features.

Reference:
    Zhang et al. 2023, SLCA, ICCV, section 3.3.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

# Added to variances, as in the authors' code.
RIDGE = 1e-4


class ClassGaussians(nn.Module):
    """The mean and the covariance of the features of each class; zeros for one not measured."""

    means: Tensor
    covariances: Tensor

    def __init__(self, num_classes: int, num_features: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros((num_classes, num_features)))
        square = (num_classes, num_features, num_features)
        self.register_buffer("covariances", torch.zeros(square))
        self._factors: dict[int, Tensor] = {}

    @torch.no_grad()
    def measure(self, features_NF: Tensor, y: Tensor, classes: Iterable[int]) -> None:
        """Measure the Gaussians of some classes; one without examples stays as it is."""
        for label in classes:
            own = features_NF[y == label]
            if len(own):
                mean = own.mean(dim=0)
                self.means[label] = mean
                self.covariances[label] = (own - mean).T @ (own - mean) / max(1, len(own) - 1)
                self.covariances[label].diagonal().add_(RIDGE)

    @torch.no_grad()
    def draw(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """Return features [N, F] drawn from the Gaussians of labels [N], which have factors."""
        features, labels = self.means[y], y.cpu()
        for label in torch.unique(labels).tolist():
            rows = (labels == label).nonzero().flatten()
            noise = torch.randn((len(rows), features.shape[1]), generator=generator)
            # What a GPU has to wait for is the labels alone.
            rows, noise = (t.to(y.device, non_blocking=True) for t in (rows, noise))
            features[rows] += noise @ self._factors[label].T
        return features

    @torch.no_grad()
    def factorise(self, classes: Iterable[int]) -> None:
        """Compute the Cholesky factors of some classes, once for many draws."""
        for label in classes:
            # Of a matrix that has none it is left to the loss to be NaN.
            factor, _ = torch.linalg.cholesky_ex(self.covariances[label].double())
            self._factors[label] = factor.to(self.covariances.dtype)

    def forget_factors(self) -> None:
        """Drop the factors."""
        self._factors = {}

"""SLDA: linear discriminant analysis of a stream, with running means and a shared covariance.

Each example updates the covariance with the mean of its class as it was before it, then that mean:

    Sigma <- (t Sigma + Delta) / (t + 1),   Delta = t (z - mu_y) (z - mu_y)^T / (t + 1)
    mu_y <- (c_y mu_y + z) / (c_y + 1)

t and c_y are the examples of all classes and of class y so far. When a task ends,

    W = Lambda M,   b_c = - mu_c . (Lambda mu_c) / 2,   Lambda = ((1 - e) Sigma + e I)^-1

with the shrinkage e, and the score of class c is w_c . z + b_c.

Shape legend: N examples, C classes, F features.

State:
    means: float32 [C, F]. counts: int64 [C]. covariance: float32 [F (F + 1) / 2], the upper
    triangle of Sigma. weights: float32 [C, F] and biases: float32 [C], which predictions read. All
    change when a task ends, and are part of the model.

Reference:
    Hayes & Kanan 2020, Lifelong machine learning with deep streaming linear discriminant analysis,
    CVPR workshops, section 3, eq. 1-5.

Deviations:
    The examples of a task are taken at once, to the same sums as one by one. Sigma begins at 0; the
    authors estimate it, and train the network, on a first batch of classes. Lambda is an inverse,
    not a pseudo-inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Outlook, TaskView
from methods.parts.fixed_features import ClassMeans
from methods.parts.symmetric import factorise, pack, triangle_size, unpack


class SLDA(ClassMeans):
    """Classify by linear discriminants whose means and covariance are running averages."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of SLDA.

        Attributes:
            shrinkage: e, in (0, 1]; at 1 it is the nearest class mean by Euclidean distance.
        """

        shrinkage: float = 1e-4

        def __post_init__(self) -> None:
            if not 0 < self.shrinkage <= 1:
                raise ValueError(f"shrinkage must be in (0, 1], given {self.shrinkage}")

    storage: ClassVar[dict[str, str]] = {
        **ClassMeans.storage,
        **{"covariance": "model", "weights": "model", "biases": "model"},
    }
    covariance: Tensor
    weights: Tensor
    biases: Tensor
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.register_buffer("covariance", torch.zeros(triangle_size(self.num_features)))
        self.register_buffer("weights", torch.zeros(outlook.num_classes, self.num_features))
        self.register_buffer("biases", torch.zeros(outlook.num_classes))

    @torch.no_grad()
    def end_task(self, task: TaskView) -> None:
        """Update covariance and means by the task's examples in their order, then the weights."""
        features, y = self.features(task.examples.x).double(), task.examples.y
        before = self.counts.sum()
        deltas = sum_of_deltas(features, y, self.means.double(), self.counts)
        total = before + len(y)
        sigma = (before * unpack(self.covariance.double()) + deltas) / total.clamp(min=1)
        self.covariance = pack(sigma).float()
        self.add(features.float(), y)
        self.set_weights()

    def set_weights(self) -> None:
        """Compute the discriminants from the means and the covariance."""
        shrinkage, means = self.config.shrinkage, self.means.double()
        shrunk = (1 - shrinkage) * unpack(self.covariance.double())
        shrunk.diagonal().add_(shrinkage)
        weights = torch.cholesky_solve(means.T, factorise(shrunk)).T
        self.weights = weights.float().contiguous()
        self.biases = -(weights * means).sum(dim=1).float() / 2

    def score(self, features: Tensor, task: int | None) -> Tensor:
        """Return the discriminants [B, C] of features [B, F]."""
        return features @ self.weights.T + self.biases


def sum_of_deltas(features: Tensor, y: Tensor, means: Tensor, counts: Tensor) -> Tensor:
    """Return the sum [F, F] of Delta over a stream of examples, as if they came one by one.

    Args:
        features: [N, F], in the order of the stream.
        y: their labels [N].
        means: [C, F], of the classes before it.
        counts: [C], the examples before it of each class.
    """
    # By class, and within a class in the order of the stream: sums of those before are cumulative.
    order = y.argsort(stable=True)
    z_NF, label_N = features[order], y[order]
    first_N = torch.searchsorted(label_N, label_N)
    earlier_NF = cumulative_sums(z_NF) - z_NF
    earlier_NF = earlier_NF - earlier_NF[first_N]
    rank_N = torch.arange(len(y), device=y.device) - first_N
    count_N = counts[label_N]
    seen_N = (count_N + rank_N).clamp(min=1)
    mean_NF = (count_N.unsqueeze(1) * means[label_N] + earlier_NF) / seen_N.unsqueeze(1)
    offset_NF = z_NF - mean_NF
    t_N = counts.sum() + order
    return offset_NF.T @ (offset_NF * (t_N / (t_N + 1)).unsqueeze(1))


def cumulative_sums(values: Tensor) -> Tensor:
    """Return the sums [N, F] of each row and those before it, for N up to 2^24.

    A scan in steps of 1, 2, 4, ...: unlike `torch.cumsum` it adds in one order on a GPU too.
    """
    values = values.clone()
    for step in (2**power for power in range(24)):
        values[step:] += values[:-step].clone()
    return values

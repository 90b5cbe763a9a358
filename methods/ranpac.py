"""RanPAC: features are projected at random, and classified by ridge regression on class prototypes.

With h = relu(P^T z), and y one-hot, two sums are carried; when a task ends

    G <- G + sum h h^T,   Q <- Q + sum h y^T,   W = (G + lam I)^-1 Q

and the scores of an example are W^T h. lam is the power of ten from 1e-8 to 1e8 with the least
squared error on a fifth of the task's examples, of the weights of the other four.

Shape legend: N examples, C classes, F features, M features after the projection.

State:
    projection: float32 [F, M], P, drawn in the first task. gram: float32 [M (M + 1) / 2], the upper
    triangle of G. prototypes: float32 [C, M], Q. counts: int64 [C]. weights: float32 [C, M], which
    predictions read. All are part of the model. Without a projection M = F, and P is not there.

Reference:
    McDonnell et al. 2023, RanPAC: random projections and pre-trained models for continual learning,
    NeurIPS, section 4, algorithm 1.

Deviations:
    The network is not adapted on the first task (phase 1 of the paper). The default of 1,000
    features after the projection is a tenth of the paper's. The fifth that lam is chosen on is
    random, and of each class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import base
from methods.base import Outlook, TaskView
from methods.parts.fixed_features import FixedFeatures, class_sums
from methods.parts.held_out import hold_out
from methods.parts.ranges import require_count, require_strength
from methods.parts.symmetric import factorise, pack, triangle_size, unpack

RIDGES = tuple(10.0**power for power in range(-8, 9))
MAX_PROJECTION = 50_000  # G then has 20 GB while it is solved
HELD_OUT = 0.2  # of the examples of a task


class RanPAC(FixedFeatures):
    """Classify by ridge regression on random projections of features."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of RanPAC.

        Attributes:
            projection: M, at least 1 and at most 50,000; None: features as they are, with neither
                projection nor ReLU.
            lam: the ridge, at least 0; None: chosen on held-out examples of each task.
        """

        projection: int | None = 1000
        lam: float | None = None

        def __post_init__(self) -> None:
            require_count("projection", self.projection)
            if self.projection is not None and self.projection > MAX_PROJECTION:
                raise ValueError(
                    f"projection must be at most {MAX_PROJECTION:,}, given {self.projection:,}: "
                    f"G of {self.projection:,} x {self.projection:,} values is solved in float64, "
                    f"{8 * self.projection**2 / 1e9:,.0f} GB"
                )
            if self.lam is not None:
                require_strength("lam", self.lam)

    storage: ClassVar[dict[str, str]] = dict.fromkeys(
        ("projection", "gram", "prototypes", "counts", "weights"), "model"
    )
    projection: Tensor | None
    gram: Tensor
    prototypes: Tensor
    counts: Tensor
    weights: Tensor
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        size, classes = config.projection or self.num_features, outlook.num_classes
        projection = torch.zeros(self.num_features, size) if config.projection else None
        self.register_buffer("projection", projection)
        self.register_buffer("gram", torch.zeros(triangle_size(size)))
        self.register_buffer("prototypes", torch.zeros(classes, size))
        self.register_buffer("counts", torch.zeros(classes, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(classes, size))

    def begin_task(self, task: TaskView) -> None:
        """Draw the projection, in the first task."""
        # Once, and then part of the state: sums over tasks have a meaning for one projection only.
        if self.projection is not None and task.index == 1:
            shape, generator = self.projection.shape, task.stream("projection")
            self.projection = torch.randn(shape, generator=generator).to(self.projection.device)

    def project(self, features: Tensor) -> Tensor:
        """Return features [N, M] of features [N, F]."""
        return features if self.projection is None else (features @ self.projection).relu()

    @torch.no_grad()
    def end_task(self, task: TaskView) -> None:
        """Add the task's examples to the sums, choose the ridge and solve for the weights."""
        h_NM, y = self.project(self.features(task.examples.x)), task.examples.y
        sums_CM, new_C = class_sums(h_NM, y, len(self.counts))
        # Sums over examples, so that tasks add up to the same matrices in any order.
        self.gram = self.gram + pack(h_NM.T @ h_NM)
        self.prototypes, self.counts = self.prototypes + sums_CM, self.counts + new_C
        lam = self.config.lam
        if lam is None:
            held = hold_out(y.cpu(), len(y), HELD_OUT, task.stream("held-out")).to(y.device)
            lam = choose_ridge(h_NM, F.one_hot(y, len(new_C)), held)
        # Over all tasks so far: the ridge alone is chosen by this task.
        self.weights = ridge_weights(unpack(self.gram), self.prototypes.T, lam).T.contiguous()

    def score(self, features: Tensor, task: int | None) -> Tensor:
        """Return the regression's scores [B, C] of features [B, F]."""
        return self.project(features) @ self.weights.T

    def seen_classes(self) -> Tensor:
        """Return bool [C]: whether there were examples of each class."""
        return self.counts > 0


def choose_ridge(h: Tensor, y: Tensor, held: Tensor) -> float:
    """Return the ridge with the least squared error on held-out rows; 1 if none are.

    A ridge without a Cholesky factor, by rounding, is no candidate.

    Args:
        h: features [N, M].
        y: labels [N, C], one-hot.
        held: rows.
    """
    if not len(held):
        return 1.0
    # The sums of the choice leave these out: on their own examples the least ridge always wins.
    rest = torch.ones(len(h), dtype=torch.bool, device=h.device)
    rest[held] = False
    h_rest, y_rest, h_held, y_held = h[rest], y[rest].to(h), h[held], y[held].to(h)
    # Of the two systems that have the same solution, the smaller one.
    wide = h_rest.shape[0] < h_rest.shape[1]
    gram = h_rest @ h_rest.T if wide else h_rest.T @ h_rest
    target, probe = (y_rest, h_held @ h_rest.T) if wide else (h_rest.T @ y_rest, h_held)
    errors = []
    for ridge in RIDGES:
        factor, info = torch.linalg.cholesky_ex(add_ridge(gram, ridge))
        predicted = probe.double() @ torch.cholesky_solve(target.double(), factor)
        error = (predicted - y_held).square().mean()
        errors.append(torch.where(info == 0, error, float("inf")))
    return RIDGES[int(torch.stack(errors).argmin())]


def ridge_weights(gram: Tensor, target: Tensor, lam: float) -> Tensor:
    """Return (gram + lam I)^-1 target, solved in float64 and returned in the target's type."""
    return torch.cholesky_solve(target.double(), factorise(add_ridge(gram, lam))).to(target.dtype)


def add_ridge(gram: Tensor, lam: float) -> Tensor:
    """Return gram + lam I in float64."""
    matrix = gram.double().clone()
    matrix.diagonal().add_(lam)
    return matrix

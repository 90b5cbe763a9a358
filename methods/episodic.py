"""What episodic gradient methods share: gradients of stored examples, and the cone they span.

Shape legend: P parameter elements that learn, K past tasks.

Reference:
    Lopez-Paz & Ranzato 2017, Gradient episodic memory for continual learning, NeurIPS, eq. 11.

Deviations:
    As in the authors' code, v >= margin is asked of the quadratic programme, where the paper adds
    the margin to its solution, and `ridge` times I is added to G G^T so that it has an inverse.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import quadprog
import torch
from torch import Tensor, nn

Doubles = npt.NDArray[np.float64]


class Gradients:
    """The gradient a network has just been given, and further ones on stored examples.

    Attributes:
        past_KP: the further gradients, a row each.
    """

    def __init__(self, network: nn.Module) -> None:
        self._parameters = [p for p in network.parameters() if p.grad is not None]
        self._given = flat([p.grad for p in self._parameters if p.grad is not None])
        self._past: list[Tensor] = []

    def add(self, loss: Tensor) -> None:
        """Take the gradient of a loss on stored examples."""
        found = torch.autograd.grad(loss, self._parameters, materialize_grads=True)
        self._past.append(flat(found))

    def products(self) -> Tensor:
        """Return the products [1 + K, 1 + K] of the gradient given (first) and the further ones."""
        rows = torch.stack((self._given, *self._past))
        return rows @ rows.T

    def move(self, weights_K: Iterable[float | Tensor]) -> None:
        """Add a weighted sum of the further gradients to the one given."""
        moved = self._given
        for weight, past in zip(weights_K, self._past, strict=True):
            moved = moved + weight * past
        parts = torch.split(moved, [p.numel() for p in self._parameters])
        for parameter, part in zip(self._parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)


def flat(tensors: Iterable[Tensor]) -> Tensor:
    """Return tensors as one vector."""
    return torch.cat([t.flatten() for t in tensors])


def multipliers(gram_KK: Doubles, inner_K: Doubles, margin: float, ridge: float) -> Doubles:
    """Return v [K] of the projection g + G^T v of a gradient g onto {z : G z >= 0}.

    min_v 1/2 v^T (G G^T + ridge I) v + (G g)^T v   subject to   v >= margin

    Args:
        gram_KK: G G^T, the products of the K tasks' gradients.
        inner_K: G g.
        margin: at least 0.
        ridge: above 0, or at least 0 where G G^T has an inverse.
    """
    size = len(inner_K)
    quadratic = (gram_KK + gram_KK.T) / 2 + ridge * np.eye(size)
    solution = quadprog.solve_qp(quadratic, -inner_K, np.eye(size), np.full(size, float(margin)))
    return np.asarray(solution[0], dtype=np.float64)

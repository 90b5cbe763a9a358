"""Gradients on stored examples, and the projection of a gradient onto their dual cone.

Shape legend: P parameter elements that learn, K past tasks.

Reference:
    Lopez-Paz & Ranzato 2017, Gradient episodic memory for continual learning, NeurIPS, eq. 11.

Deviations:
    As in the authors' code, v >= margin is a constraint of the quadratic programme (the paper adds
    the margin to its solution), and `ridge` times I is added to G G^T so that it has an inverse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Doubles = npt.NDArray[np.float64]


class Gradients:
    """The current gradient of a network, and the gradients of K losses on stored examples.

    One buffer serves all steps: its allocation would take as long as the products.

    Attributes:
        rows: [1 + K, P], the current gradient first.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._parameters: list[nn.Parameter] = []
        self.rows = torch.zeros(0, 0)

    def take(self, losses: Sequence[Callable[[], Tensor]]) -> None:
        """Copy the current gradient and compute that of each loss."""
        self._parameters = [p for p in self._network.parameters() if p.grad is not None]
        # Parameters that the batch did not reach have no gradient to project.
        current = [p.grad for p in self._parameters if p.grad is not None]
        shape = (1 + len(losses), sum(g.numel() for g in current))
        # The number of past tasks, or of parameters with a gradient, has changed.
        if self.rows.shape != shape:
            self.rows = current[0].new_empty(shape)
        flatten(current, self.rows[0])
        for row, loss in zip(self.rows[1:], losses, strict=True):
            # Zeros for parameters that the loss of a stored task does not reach.
            gradients = torch.autograd.grad(loss(), self._parameters, materialize_grads=True)
            flatten(gradients, row)

    def products(self) -> Tensor:
        """Return the inner products [1 + K, 1 + K] of all pairs."""
        return self.rows @ self.rows.T

    def move(self, weights_K: Tensor) -> None:
        """Add a weighted sum of the K gradients to the current one."""
        moved = torch.mv(self.rows[1:].T, weights_K)
        parts = torch.split(moved, [p.numel() for p in self._parameters])
        for parameter, part in zip(self._parameters, parts, strict=True):
            if parameter.grad is not None:
                parameter.grad.add_(part.view_as(parameter))


def flatten(gradients: Iterable[Tensor], row: Tensor) -> None:
    """Concatenate gradients into a row [P]."""
    torch.cat([g.flatten() for g in gradients], out=row)


def multipliers(gram_KK: Doubles, inner_K: Doubles, margin: float, ridge: float) -> Doubles:
    """Return v [K] of the projection g + G^T v of a gradient g onto {z : G z >= 0}.

    min_v 1/2 v^T (G G^T + ridge I) v + (G g)^T v   subject to   v >= margin

    Args:
        gram_KK: G G^T, the products of the K tasks' gradients.
        inner_K: G g.
        margin: at least 0.
        ridge: above 0, or at least 0 where G G^T has an inverse.
    """
    from scipy.optimize import nnls  # imported here: slow to load, and few runs need it

    quadratic = (gram_KK + gram_KK.T) / 2 + ridge * np.eye(len(inner_K))
    # With v = margin + w and Q = L L^T it is min ||L^T w + L^-1 (G g + Q margin)||^2, w >= 0.
    root = np.linalg.cholesky(quadratic)
    target = np.linalg.solve(root, inner_K + quadratic.sum(axis=1) * margin)
    # A least-squares form, for which SciPy has a solver that needs no starting point.
    w_K, _ = nnls(root.T, -target)
    return np.asarray(w_K + margin, dtype=np.float64)

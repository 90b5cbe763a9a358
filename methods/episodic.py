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


def learning(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that have just been given a gradient."""
    return [p for p in network.parameters() if p.grad is not None]


def gradient_of(loss: Tensor, parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """Return a loss's gradients; zero where it does not depend on a parameter."""
    return list(torch.autograd.grad(loss, tuple(parameters), materialize_grads=True))


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
    solution = quadprog.solve_qp(quadratic, -inner_K, np.eye(size), np.full(size, margin))
    return np.asarray(solution[0], dtype=np.float64)

"""A subspace of inputs that grows with the tasks, and the directions outside of it.

Shape legend: D inputs, K directions of the subspace, r directions.

Reference:
    Saha et al. 2021, Gradient projection memory for continual learning, ICLR, eq. 5-9; applied to
    covariances in place of examples: Liang & Li 2024, InfLoRA, CVPR.

Deviations:
    Those of `methods.parts.subspaces`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from methods.parts.subspaces import new_directions

# Of the sum of squares: what float32 products of many examples round to, and more.
NOTHING = 1e-10


class Subspace(nn.Module):
    """An orthonormal basis [D, K] that grows; it is as wide as a state that is loaded.

    Args:
        like: has its type and device.
        width: D.
        learned: whether a task is learned: then there is room for the most directions, K = D.
    """

    basis: Tensor

    def __init__(self, like: Tensor, width: int, learned: bool = False) -> None:
        super().__init__()
        self.register_buffer("basis", like.new_zeros((width, width if learned else 0)))

    @torch.no_grad()
    def widen(self, matrix_DD: Tensor, share: float) -> None:
        """Add the fewest directions with which ||M M^T C||^2 is a share of ||C||^2."""
        # The squares of C's singular values, as `new_directions` takes them.
        moment = matrix_DD.double() @ matrix_DD.double().T
        added = new_directions(self.basis.double(), moment, share)
        self.basis = torch.cat((self.basis, added.to(self.basis)), dim=1)

    @torch.no_grad()
    def directions_outside(self, matrix_DD: Tensor, rank: int) -> Tensor:
        """Return the first left singular vectors of (I - M M^T) C as rows [r, D].

        A row is 0 where nothing of C is left.
        """
        basis, matrix = self.basis.double(), matrix_DD.double()
        rest = matrix - basis @ (basis.T @ matrix)
        squares, vectors = torch.linalg.eigh(rest @ rest.T)
        real = squares.flip(0)[:rank] > NOTHING * matrix.square().sum()
        rows: Tensor = (vectors.flip(1)[:, :rank] * real).T
        # Once more: rounding left a little of the basis in them.
        rows = rows - (rows @ basis) @ basis.T
        return rows.to(matrix_DD.dtype).contiguous()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        stored = state_dict.get(f"{prefix}basis")
        if stored is not None:
            self.basis = self.basis.new_zeros(stored.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)

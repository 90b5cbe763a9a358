"""Symmetric matrices: stored as their upper triangle, and factorised for solving.

A factor is stored as a full rectangle of the same size, whose blocks a solver reads where they lie:
in the first half of the columns of the lower factor, what is above its diagonal has room for the
transpose of the triangle that the other half ends in.

Shape legend: n rows and columns, T = n (n + 1) / 2 elements of a triangle, h = ceil(n / 2),
m = n - h; B right-hand sides.

Reference:
    Of the rectangle: Gustavson et al. 2010, Rectangular full packed format for Cholesky's
    algorithm, ACM Transactions on Mathematical Software.

Deviations:
    None.
"""

from __future__ import annotations

from math import isqrt
from typing import cast

import torch
from torch import Tensor

POWERS = tuple(10.0**power for power in range(-10, 6))


def triangle_size(n: int) -> int:
    """Return the number of elements of a triangle of n rows, its diagonal included."""
    return n * (n + 1) // 2


def pack(matrix: Tensor) -> Tensor:
    """Return the upper triangle [T] of a symmetric matrix [n, n], row by row."""
    rows, columns = triangle_indices(matrix)
    return matrix[rows, columns]


def unpack(triangle: Tensor) -> Tensor:
    """Return the symmetric matrix [n, n] of an upper triangle [T]."""
    n = num_rows(triangle)
    upper = triangle.new_zeros((n, n))
    rows, columns = triangle_indices(upper)
    upper[rows, columns] = triangle
    return upper + upper.triu(diagonal=1).T


def num_rows(triangle: Tensor) -> int:
    """Return the rows n of the matrix that a triangle [T] is of."""
    return (isqrt(8 * len(triangle) + 1) - 1) // 2


def triangle_indices(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows [T] and columns [T] of a matrix's upper triangle."""
    n = len(matrix)
    rows, columns = torch.triu_indices(n, n, device=matrix.device)
    return rows, columns


def factorise(matrix: Tensor) -> Tensor:
    """Return the lower Cholesky factor [n, n] of a symmetric matrix, float64.

    Where rounding or a lack of examples leaves the matrix not positive definite, its diagonal grows
    by the least power of ten, times 1e-10 of its mean, that makes it so.
    """
    matrix = matrix.double()
    mean = float(matrix.diagonal().abs().mean()) or 1.0
    for ridge in (0.0, *(mean * power for power in POWERS)):
        raised = matrix.clone()
        raised.diagonal().add_(ridge)
        factor, info = torch.linalg.cholesky_ex(raised)
        if not int(info):
            break
    # Of values that are not finite there is no factor; the learner finds them in the state.
    return cast(Tensor, factor)


def factor_blocks(packed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return views of the blocks of a packed factor [T].

    They are the lower triangle [h, h] above the diagonal of which is something else, what is below
    it [m, h], and the transpose of the other lower triangle [m, m], likewise.
    """
    n = num_rows(packed)
    even, half = 1 - n % 2, (n + 1) // 2
    rectangle = packed.view(n + even, half)
    upper = rectangle[: n - half, 1 - even :]
    return rectangle[even : even + half], rectangle[even + half :], upper


def pack_factor(lower: Tensor) -> Tensor:
    """Return a lower triangular matrix [n, n] as a rectangle, flat [T]."""
    packed = lower.new_zeros(triangle_size(len(lower)))
    first, below, second = factor_blocks(packed)
    half = len(first)
    first.copy_(lower[:half, :half])
    below.copy_(lower[half:, :half])
    second.add_(lower[half:, half:].T)
    return packed


def unpack_factor(packed: Tensor) -> Tensor:
    """Return the lower triangular matrix [n, n] of a packed factor [T]."""
    first, below, second = factor_blocks(packed)
    half = len(first)
    lower = packed.new_zeros((half + len(below), half + len(below)))
    lower[:half, :half] = first.tril()
    lower[half:, :half] = below
    lower[half:, half:] = second.triu().T
    return lower


def inverse_norms(packed: Tensor, x: Tensor) -> Tensor:
    """Return x S^-1 x^T [B] of rows [B, n], for the symmetric matrix S with a packed factor [T]."""
    first, below, second = factor_blocks(packed)
    half = len(first)
    # A triangular solver does not read the other triangle.
    head = torch.linalg.solve_triangular(first.T, x[:, :half], upper=True, left=False)
    rest = torch.addmm(x[:, half:], head, below.T, alpha=-1)
    tail = torch.linalg.solve_triangular(second, rest, upper=True, left=False)
    return cast(Tensor, head.square().sum(dim=1) + tail.square().sum(dim=1))

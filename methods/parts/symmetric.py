"""Symmetric matrices: stored as their upper triangle, and factorised for solving.

Shape legend: n rows and columns, T = n (n + 1) / 2 elements of a triangle.

Reference:
    None.

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
    upper = unpack_upper(triangle)
    return upper + upper.triu(diagonal=1).T


def unpack_upper(triangle: Tensor) -> Tensor:
    """Return the upper triangular matrix [n, n] of an upper triangle [T]."""
    n = (isqrt(8 * len(triangle) + 1) - 1) // 2
    matrix = triangle.new_zeros((n, n))
    rows, columns = triangle_indices(matrix)
    matrix[rows, columns] = triangle
    return matrix


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

"""Directions: the combinations of outputs that are differentiated, and their weights.

Shape legend: B examples of a batch, C outputs.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from torch import Tensor

BatchDirections = Callable[[Tensor], Iterator[tuple[Tensor, Tensor]]]
SizeOf = Callable[[Tensor], Tensor]


class Directions(Protocol):
    """The combinations of outputs to differentiate, and their weights."""

    def __call__(self, logits_BC: Tensor, rows: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (weight [B], direction [B, C]) for each k, for the examples in `rows`."""

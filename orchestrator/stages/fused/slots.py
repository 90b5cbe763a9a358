"""The slots of a group: how many siblings the tensors of a program have room for.

On a CPU as many as there are siblings, whose bits do not depend on their number (`aligned`). The
kernels of a GPU split their sums by the size of the whole product, so that the size must always be
the same: there every group has `ON_GPU` slots, and those left over repeat the first sibling.

Shape legend: K siblings, S slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch

T = TypeVar("T")

ON_GPU = 32  # part of the bits of a fused stage on a GPU: a change raises `siblings.VERSION`


def num_slots(siblings: int, device: torch.device) -> int:
    """Return the slots of a group on a device."""
    return siblings if device.type == "cpu" else ON_GPU


def fill_slots(values: Sequence[T], slots: int) -> list[T]:
    """Return K values and, for the slots left over, the first of them again."""
    return [*values, *[values[0]] * (slots - len(values))]


def split_groups(values: Sequence[T], device: str) -> Iterator[Sequence[T]]:
    """Yield siblings in groups for which a device has slots, of nearly one size."""
    groups = -(-len(values) // num_slots(len(values), torch.device(device)))
    size = -(-len(values) // groups)
    yield from (values[start : start + size] for start in range(0, len(values), size))

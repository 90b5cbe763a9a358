"""Stored values in few bytes: float32 as it is, bfloat16, or int8 with a scale for each tensor.

With int8, v is stored as q = round(v / s), s = max |v| / 127, and read as q s: the error is at most
s / 2. With bfloat16 it is at most |v| / 256.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

StateDtype = Literal["float32", "bfloat16", "int8"]

TYPES = {"bfloat16": torch.bfloat16, "int8": torch.int8}
LARGEST = 127


def store(value: Tensor, dtype: StateDtype) -> tuple[Tensor, Tensor | None]:
    """Return a tensor as it is stored, and its scale [] if it is int8."""
    if dtype == "int8":
        scale = value.abs().amax() / LARGEST
        steps = value / scale.clamp_min(torch.finfo(scale.dtype).tiny)
        return steps.round().clamp(-LARGEST, LARGEST).to(torch.int8), scale
    return (value.to(torch.bfloat16) if dtype == "bfloat16" else value), None


def read(stored: Tensor, scale: Tensor | None = None) -> Tensor:
    """Return the values of a stored tensor; a tensor that is not reduced is returned as it is."""
    if scale is not None:
        return stored.float() * scale
    return stored.float() if stored.dtype == torch.bfloat16 else stored

"""Gates of hidden units: each unit is multiplied by a value in [0, 1].

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from methods.parts.layers import Layer, attach_hooks

CLOSED = torch.finfo(torch.float32).eps


def expand(units: Tensor, repeats: int) -> Tensor:
    """Return a value per input of the next layer, which has several inputs for a unit."""
    return units if repeats == 1 else units.repeat_interleave(repeats)


def gate(z: Tensor) -> Tensor:
    """Return sigmoid(z), or 0 where that is below `CLOSED`; the gradient is the sigmoid's.

    Units multiplied by 1e-20 would fill the matrix products with denormal numbers, which slow a CPU
    down many times.
    """
    a = z.sigmoid()
    return a + (a.masked_fill(a < CLOSED, 0) - a).detach()


def multiply_inputs(
    layers: Sequence[Layer], gates: Sequence[Tensor], repeats: Sequence[int]
) -> AbstractContextManager[None]:
    """Return a context in which the inputs of layers are multiplied by gates.

    Args:
        layers: those above the gated units.
        gates: of the units below each layer, [units].
        repeats: inputs of each layer for a unit.
    """

    def multiply_by(gate: Tensor) -> Callable[[nn.Module, tuple[Tensor]], Tensor]:
        return lambda _layer, inputs: inputs[0] * gate

    shaped = (
        expand(gate, count).view(-1, *[1] * (layer.weight.dim() - 2))
        for gate, count, layer in zip(gates, repeats, layers, strict=True)
    )
    return attach_hooks(
        layer.register_forward_pre_hook(multiply_by(gate))
        for layer, gate in zip(layers, shaped, strict=True)
    )


def new_use(gates: Sequence[Tensor], used: Sequence[Tensor]) -> Tensor:
    """Return the share of the unused capacity that the gates of a task use.

    Args:
        gates: of each layer, [units].
        used: of each layer, the use of its units by earlier tasks in [0, 1].
    """
    free = 1 - torch.cat(list(used))
    return torch.dot(torch.cat(list(gates)), free) / free.sum().clamp_min(1e-8)


def rising_slope(step: int, cycle: int, highest: float) -> float:
    """Return the slope at a step: from 1/highest at the first of a cycle to highest at its last."""
    lowest = 1 / highest
    if cycle <= 1:
        return highest
    return lowest + (highest - lowest) * (step % cycle) / (cycle - 1)

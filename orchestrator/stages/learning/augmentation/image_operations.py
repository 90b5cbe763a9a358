"""Random changes of a batch of images, drawn independently for each example.

The random numbers are drawn on the processor, so that a seed gives the same on every device; the
images are changed on their own device, all at once. uint8 images stay uint8, and floats stay in
[0, 1].

Shape legend: B images, c channels, h rows, w columns.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def draw_uniform(generator: torch.Generator, low: float, high: float, like: Tensor) -> Tensor:
    """Return random numbers [B, 1, 1, 1] for images, on their device."""
    numbers = torch.rand(len(like), generator=generator) * (high - low) + low
    return numbers.view(-1, 1, 1, 1).to(like.device, non_blocking=True)


def integers(generator: torch.Generator, count: int, like: Tensor) -> Tensor:
    """Return random integers [B] from 0 to count - 1, on the device of the images."""
    drawn = torch.randint(count, (len(like),), generator=generator)
    return drawn.to(like.device, non_blocking=True)


def pad_crop(x: Tensor, generator: torch.Generator, padding: int) -> Tensor:
    """Return images padded with zeros on all sides and cropped to their size somewhere."""
    height, width = x.shape[2:]
    top, left = (integers(generator, 2 * padding + 1, x) for _ in range(2))
    # All windows of an image, as a view: nothing but the chosen ones is copied.
    windows = F.pad(x, [padding] * 4).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(x), device=x.device), :, top, left]


def flip(x: Tensor, generator: torch.Generator, p: float) -> Tensor:
    """Return images, a share `p` of them mirrored left to right."""
    return torch.where(draw_uniform(generator, 0, 1, x) < p, x.flip(3), x)


def cutout(x: Tensor, generator: torch.Generator, size: int) -> Tensor:
    """Return images with a square of zeros, whose centre is anywhere in the image.

    Reference: DeVries & Taylor 2017, Improved regularization of convolutional neural networks with
        cutout; the square may reach over the border.
    """
    return x.masked_fill(square(x, generator, torch.full((len(x),), size)), 0)


def square(x: Tensor, generator: torch.Generator, size: Tensor, width: Any = None) -> Tensor:
    """Return bool [B, 1, h, w], true in a rectangle of each image around a random centre.

    Args:
        x: the images.
        generator: draws the centres.
        size: rows of each rectangle, int64 [B].
        width: its columns, int64 [B]; as many as rows if None.
    """
    inside = torch.ones((), dtype=torch.bool, device=x.device)
    for axis, extent in ((2, size), (3, size if width is None else width)):
        extent = extent.to(x.device, non_blocking=True)
        first = integers(generator, x.shape[axis], x) - extent // 2
        shape = [-1 if other == axis else 1 for other in range(4)]
        place = torch.arange(x.shape[axis], device=x.device).view(shape)
        first, extent = first.view(-1, 1, 1, 1), extent.view(-1, 1, 1, 1)
        inside = inside & (place >= first) & (place < first + extent)
    return inside


def to_float(x: Tensor) -> Tensor:
    """Return images as floats in [0, 1]."""
    return x if x.is_floating_point() else x.float() / 255


def restore_type(x: Tensor, before: Tensor) -> Tensor:
    """Return float images in the type of `before`."""
    x = x.clamp(0, 1)
    return x if before.is_floating_point() else (x * 255).round().to(torch.uint8)

"""Random changes of the colours of a batch of images."""

from __future__ import annotations

import torch
from torch import Tensor

from orchestrator.stages.learning.augmentation.image_operations import (
    draw_uniform,
    restore_type,
    to_float,
)

GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue, as in torchvision


def color_jitter(
    x: Tensor, generator: torch.Generator, strengths: tuple[float, float, float], hue: float
) -> Tensor:
    """Return images of other brightness, contrast, saturation and hue, changed in this order.

    The factors are uniform in [1 - strength, 1 + strength], and the turn of the hue in [-hue, hue],
    as a share of the circle. Saturation and hue leave images without three channels as they are.
    """
    image = to_float(x)
    grey = [
        lambda image: torch.zeros_like(image),
        lambda image: to_grey(image).mean(dim=(1, 2, 3), keepdim=True),
        to_grey,
    ]
    colours = 3 if x.shape[1] == 3 else 2
    for strength, other in list(zip(strengths, grey, strict=True))[:colours]:
        if strength:
            factor = draw_uniform(generator, max(0, 1 - strength), 1 + strength, x)
            image = (other(image) + factor * (image - other(image))).clamp(0, 1)
    if hue and x.shape[1] == 3:
        image = turn_hue(image, draw_uniform(generator, -hue, hue, x))
    return restore_type(image, x)


def to_grey(image: Tensor) -> Tensor:
    """Return the brightness [B, 1, h, w] of images of three channels, else their mean."""
    if image.shape[1] != 3:
        return image.mean(dim=1, keepdim=True)
    weights = torch.tensor(GREY).view(1, 3, 1, 1).to(image.device, non_blocking=True)
    return (image * weights).sum(dim=1, keepdim=True)


def turn_hue(image: Tensor, turn: Tensor) -> Tensor:
    """Return RGB images [B, 3, h, w] in [0, 1] whose hue is turned by shares [B, 1, 1, 1]."""
    high, low = image.amax(dim=1, keepdim=True), image.amin(dim=1, keepdim=True)
    spread = high - low
    safe = torch.where(spread == 0, 1, spread)
    red, green, blue = (image[:, i : i + 1] for i in range(3))
    third = torch.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4)
    hue = torch.where(high == red, (green - blue) / safe, third) / 6 + turn
    # Each channel is a trapezium of the hue: n = 5, 3, 1 for red, green, blue.
    steps = torch.tensor((5.0, 3.0, 1.0)).view(1, 3, 1, 1).to(image.device, non_blocking=True)
    place = (steps + hue * 6) % 6
    return high - spread * torch.minimum(place, 4 - place).clamp(0, 1)

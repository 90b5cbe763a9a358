"""Random changes of a batch of images, drawn independently for each example.

The random numbers are drawn on the processor, so that a seed gives the same on every device; the
images are changed on their own device, all at once. uint8 images stay uint8, and floats stay in
[0, 1].

Shape legend: B images, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import atan, degrees
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from orchestrator.benchmarks.dataset_files import import_torchvision

GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue, as in torchvision
BINS = 31  # magnitudes of RandAugment, from nothing to the most


def uniform(generator: torch.Generator, low: float, high: float, like: Tensor) -> Tensor:
    """Return random numbers [B, 1, 1, 1] for images, on their device."""
    numbers = torch.rand(len(like), generator=generator) * (high - low) + low
    return numbers.view(-1, 1, 1, 1).to(like.device)


def integers(generator: torch.Generator, count: int, like: Tensor) -> Tensor:
    """Return random integers [B] from 0 to count - 1, on the device of the images."""
    return torch.randint(count, (len(like),), generator=generator).to(like.device)


def pad_crop(x: Tensor, generator: torch.Generator, padding: int) -> Tensor:
    """Return images padded with zeros on all sides and cropped to their size somewhere."""
    height, width = x.shape[2:]
    top, left = (integers(generator, 2 * padding + 1, x) for _ in range(2))
    windows = F.pad(x, [padding] * 4).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(x), device=x.device), :, top, left]


def flip(x: Tensor, generator: torch.Generator, p: float) -> Tensor:
    """Return images of which a share `p` is mirrored left to right."""
    return torch.where(uniform(generator, 0, 1, x) < p, x.flip(3), x)


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
        extent = extent.to(x.device)
        first = integers(generator, x.shape[axis], x) - extent // 2
        shape = [-1 if other == axis else 1 for other in range(4)]
        place = torch.arange(x.shape[axis], device=x.device).view(shape)
        first, extent = first.view(-1, 1, 1, 1), extent.view(-1, 1, 1, 1)
        inside = inside & (place >= first) & (place < first + extent)
    return inside


def to_float(x: Tensor) -> Tensor:
    """Return images as floats in [0, 1]."""
    return x if x.is_floating_point() else x.float() / 255


def like_before(x: Tensor, before: Tensor) -> Tensor:
    """Return float images as the type of what they were made of."""
    x = x.clamp(0, 1)
    return x if before.is_floating_point() else (x * 255).round().to(torch.uint8)


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
            factor = uniform(generator, max(0, 1 - strength), 1 + strength, x)
            image = (other(image) + factor * (image - other(image))).clamp(0, 1)
    if hue and x.shape[1] == 3:
        image = turn_hue(image, uniform(generator, -hue, hue, x))
    return like_before(image, x)


def to_grey(image: Tensor) -> Tensor:
    """Return the brightness [B, 1, h, w] of images of three channels, else their mean."""
    if image.shape[1] != 3:
        return image.mean(dim=1, keepdim=True)
    weights = torch.tensor(GREY, device=image.device).view(1, 3, 1, 1)
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
    steps = torch.tensor((5.0, 3.0, 1.0), device=image.device).view(1, 3, 1, 1)
    place = (steps + hue * 6) % 6
    return high - spread * torch.minimum(place, 4 - place).clamp(0, 1)


def rand_augment(x: Tensor, generator: torch.Generator, num_ops: int, magnitude: int) -> Tensor:
    """Return images each changed by `num_ops` of fourteen operations of a common magnitude.

    Reference: Cubuk et al. 2020, RandAugment: Practical automated data augmentation with a reduced
        search space; the operations and magnitudes are those of torchvision, of which each is
        applied at once to all images that drew it.
    """
    images = like_before(to_float(x), torch.empty(0, dtype=torch.uint8))
    table = operations(x.shape[3], x.shape[2], magnitude)
    for _ in range(num_ops):
        choice = torch.randint(len(table), (len(x),), generator=generator)
        sign = torch.randint(2, (len(x),), generator=generator) * 2 - 1
        for code in sorted(set((choice * 2 + (sign > 0)).tolist())):
            rows = (choice * 2 + (sign > 0) == code).nonzero().flatten().to(x.device)
            images[rows] = table[code // 2](images[rows], 1 if code % 2 else -1)
    return images.float() / 255 if x.is_floating_point() else images


def operations(width: int, height: int, magnitude: int) -> list[Callable[[Tensor, int], Tensor]]:
    """Return the operations of RandAugment on uint8 images, given them and a sign."""
    import_torchvision()
    V = import_module("torchvision.transforms.v2.functional")
    share = magnitude / (BINS - 1)
    shear, factor = degrees(atan(0.3 * share)), 0.9 * share
    shift = [int(150 / 331 * size * share) for size in (width, height)]

    def affine(x: Tensor, translate: list[int], shear: list[float]) -> Tensor:
        fixed: dict[str, Any] = {"angle": 0, "scale": 1, "center": [0, 0]}
        return cast(Tensor, V.affine(x, translate=translate, shear=shear, **fixed))

    return [
        lambda x, s: x,
        lambda x, s: affine(x, [0, 0], [s * shear, 0]),
        lambda x, s: affine(x, [0, 0], [0, s * shear]),
        lambda x, s: affine(x, [s * shift[0], 0], [0, 0]),
        lambda x, s: affine(x, [0, s * shift[1]], [0, 0]),
        lambda x, s: V.rotate(x, s * 30 * share),
        lambda x, s: V.adjust_brightness(x, 1 + s * factor),
        lambda x, s: V.adjust_saturation(x, 1 + s * factor),
        lambda x, s: V.adjust_contrast(x, 1 + s * factor),
        lambda x, s: V.adjust_sharpness(x, 1 + s * factor),
        lambda x, s: V.posterize(x, bits=8 - round(4 * share)),
        lambda x, s: V.solarize(x, threshold=255 * (1 - share)),
        lambda x, s: V.autocontrast(x),
        lambda x, s: V.equalize(x),
    ]

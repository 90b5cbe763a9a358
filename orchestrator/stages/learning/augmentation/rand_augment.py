"""RandAugment: random operations of torchvision, of one magnitude, on a batch of images."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import atan, degrees
from typing import Any, cast

import torch
from torch import Tensor

from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.stages.learning.augmentation.image_operations import restore_type, to_float

BINS = 31  # magnitudes of RandAugment, from nothing to the most


def rand_augment(x: Tensor, generator: torch.Generator, num_ops: int, magnitude: int) -> Tensor:
    """Return images each changed by `num_ops` of fourteen operations of a common magnitude.

    Reference: Cubuk et al. 2020, RandAugment: Practical automated data augmentation with a reduced
        search space; the operations and magnitudes are those of torchvision, of which each is
        applied at once to all images that drew it.
    """
    images = restore_type(to_float(x), torch.empty(0, dtype=torch.uint8))
    table = operations(x.shape[3], x.shape[2], magnitude)
    for _ in range(num_ops):
        choice = torch.randint(len(table), (len(x),), generator=generator)
        sign = torch.randint(2, (len(x),), generator=generator) * 2 - 1
        # One call for all images that drew one operation with one sign.
        for code in sorted(set((choice * 2 + (sign > 0)).tolist())):
            rows = (choice * 2 + (sign > 0) == code).nonzero().flatten()
            rows = rows.to(x.device, non_blocking=True)
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

"""Transformations of a task's images: brought to a shape, permuted, corrupted, rotated."""

from __future__ import annotations

from math import cos, prod, radians, sin

import torch
import torch.nn.functional as F
from torch import Tensor

from orchestrator.benchmarks.corruptions import Corruption, corrupt_images
from orchestrator.benchmarks.recipes import Recipe
from orchestrator.benchmarks.sequences import bring_to_shape
from orchestrator.seeding import stream

# Images rotated at once: few enough to fit the processor's cache.
CHUNK = 256


def transform(recipe: Recipe, x: Tensor, split: str) -> Tensor:
    """Return the images of a split of a task as its recipe changes them.

    The order is fixed: shape, permutation, corruption, rotation.
    """
    if recipe.shape is not None:
        x = bring_to_shape(x, recipe.shape)
    if recipe.permutation is not None:
        # The pixels of each channel, or the features.
        places = prod(x.shape[2:]) if x.ndim == 4 else x.shape[1]
        order = torch.randperm(places, generator=stream(*recipe.permutation))
        x = permute_pixels(x, order)
    if recipe.corruption is not None:
        name, severity, *purpose = recipe.corruption
        noise = stream(*purpose, split)
        x = corrupt_images(x, Corruption(name=name, severity=severity), noise)
    return rotate_images(x, recipe.degrees)


def permute_pixels(x: Tensor, permutation: Tensor) -> Tensor:
    """Return images [N, c, h, w] whose pixel i, row by row, is pixel `permutation[i]` of `x`.

    The same of features [N, d].
    """
    return x.reshape(-1, len(permutation)).index_select(1, permutation).view_as(x)


def rotate_images(x: Tensor, degrees: float) -> Tensor:
    """Return uint8 images [N, c, h, w] rotated anticlockwise; pixels from outside are black."""
    if degrees == 0:
        return x
    count, channels, height, width = x.shape
    along, across = cos(radians(degrees)), sin(radians(degrees))
    # The source of each pixel, in coordinates of [-1, 1] along both sides.
    theta = torch.tensor(
        [[[along, -across * height / width, 0], [across * width / height, along, 0]]]
    )
    grid = F.affine_grid(theta, [1, 1, height, width], align_corners=False)
    # One grid serves all images when they are taken as channels of one image.
    chunks = [
        F.grid_sample(chunk.float().unsqueeze(0), grid, align_corners=False)
        .squeeze(0)
        .round_()
        .to(torch.uint8)
        for chunk in torch.split(x.flatten(0, 1), CHUNK)
    ]
    return torch.cat(chunks).view(count, channels, height, width) if chunks else x

"""Sequences of data sets: what they have in common, and their images in one shape.

Shape legend: N images, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from orchestrator.benchmarks.datasets.dataset import DatasetFacts

CHUNK = 1024  # images resized at once


def join_facts(facts: Sequence[DatasetFacts]) -> DatasetFacts:
    """Return the common facts of several data sets.

    Images get the most channels, rows and columns of any. The mean and the variance of a channel
    are those of pixels of which each data set has an equal share.
    """
    shapes = [each.input_shape for each in facts]
    shape = tuple(map(max, zip(*shapes, strict=True)))
    channels = shape[0] if len(shape) == 3 else len(facts[0].mean)
    means = torch.tensor([_spread(each.mean, channels) for each in facts], dtype=torch.float64)
    stds = torch.tensor([_spread(each.std, channels) for each in facts], dtype=torch.float64)
    mean = means.mean(dim=0)
    std = ((stds**2 + means**2).mean(dim=0) - mean**2).sqrt()
    return DatasetFacts(
        num_classes=sum(each.num_classes for each in facts),
        input_shape=shape,
        mean=tuple(round(value, 6) for value in mean.tolist()),
        std=tuple(round(value, 6) for value in std.tolist()),
    )


def _spread(values: tuple[float, ...], channels: int) -> list[float]:
    return [*values] * channels if len(values) == 1 else [*values]


def find_mistakes_in_shapes(titles: Sequence[str], facts: Sequence[DatasetFacts]) -> Iterator[str]:
    """Yield a mistake if data sets cannot be brought to one shape.

    Args:
        titles: of the data sets.
        facts: what is known of each.
    """
    shapes = [each.input_shape for each in facts]
    pairs = zip(titles, shapes, strict=True)
    listed = ", ".join(f"{title} {list(shape)}" for title, shape in pairs)
    kinds = {len(shape) for shape in shapes}
    if len(kinds) > 1:
        yield f"sequence: images and features do not go together: {listed}"
    elif kinds == {1} and len({*shapes}) > 1:
        yield f"sequence: the data sets have different numbers of features: {listed}"
    elif kinds == {3} and len({shape[0] for shape in shapes} - {1}) > 1:
        yield f"sequence: only one channel can become several: {listed}"


def bring_to_shape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return uint8 images [N, c, h, w] in a shape (c, h, w) at least as large.

    Grey is repeated in each channel; the size is changed by bilinear interpolation.
    """
    x = x.expand(-1, shape[0], -1, -1)
    if x.shape[2:] == shape[1:]:
        return x.contiguous()
    chunks = [
        F.interpolate(part.float(), size=shape[1:], mode="bilinear", align_corners=False)
        .round_()
        .to(torch.uint8)
        for part in torch.split(x, CHUNK)
        if len(part)
    ]
    return torch.cat([*chunks, x.new_zeros((0, *shape))])

"""The maps of a network at each of its resolutions, and their sums over rows and columns.

Shape legend: B examples, F features, c channels, h rows, w columns.

Reference:
    Douillard et al. 2020, PODNet, ECCV, eq. 4 and 5.

Deviations:
    Those of `methods.podnet`.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.parts.exemplars import output_layer
from methods.parts.layers import attach_hooks


def maps_and_features(network: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
    """Return scores [B, C], the map [B, c, h, w] of each resolution, and features [B, F].

    The paper calls it a stage: a run of children of the network's `body` (or of the network, if it
    has none) whose outputs are maps of one shape; its map is the last of them.
    """
    maps: list[Tensor] = []
    features: list[Tensor] = []
    hooks = [
        child.register_forward_hook(lambda _layer, _inputs, output: maps.append(output))
        for child in getattr(network, "body", network).children()
    ]
    hooks += [output_layer(network).register_forward_pre_hook(lambda _, a: features.append(a[0]))]
    with attach_hooks(hooks):
        scores: Tensor = network(x)
    return scores, last_of_each_shape(maps), features[0].float()


def last_of_each_shape(outputs: list[Tensor]) -> list[Tensor]:
    """Return the last map of each run of one shape that is larger than a pixel."""
    maps = [each for each in outputs if each.dim() == 4 and each.shape[2:].numel() > 1]
    ends = [one for one, other in pairwise(maps) if one.shape != other.shape]
    return [*ends, *maps[-1:]]


def pool_maps(maps_Bchw: Tensor) -> Tensor:
    """Return the squares of maps, summed over columns and over rows, normalised [B, c (h + w)]."""
    squares = maps_Bchw.float().square()
    rows, columns = (squares.sum(dim=axis).flatten(1) for axis in (3, 2))
    return F.normalize(torch.cat((rows, columns), dim=1))

"""Sizes of the gradients of each example from the gradients themselves, for any network.

Shape legend: B examples of a batch, C outputs, K directions per example.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

from methods.parts.sensitivity.directions import BatchDirections, SizeOf
from methods.parts.sensitivity.gradients_without_compiler import gradients_without_compiler


def sum_by_example(
    network: nn.Module, x: Tensor, directions: BatchDirections, size_of: SizeOf
) -> dict[str, Tensor]:
    """Return the sum over a batch of weighted gradient sizes, from each example's gradient."""
    learning = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    places = {place: name for place, name in parameter_places(network) if name in learning}
    with torch.no_grad():
        # Outside of vmap and without gradients: directions follow from the logits of the whole
        # batch.
        pairs = list(directions(network(x)))
    weights_BK = torch.stack([weight for weight, _ in pairs], dim=1)
    directions_BKC = torch.stack([direction for _, direction in pairs], dim=1)

    def example_sizes(x: Tensor, weights_K: Tensor, directions_KC: Tensor) -> dict[str, Tensor]:
        def logits(parameters: dict[str, Tensor]) -> Any:
            by_place = {place: parameters[name] for place, name in places.items()}
            batch = (x.unsqueeze(0),)
            return functional_call(network, by_place, batch, tie_weights=False).squeeze(0)

        # One forward pass of an example serves all of its directions.
        pull = vjp(logits, learning)[1]
        total = {name: torch.zeros_like(p) for name, p in learning.items()}
        for weight, direction in zip(weights_K, directions_KC, strict=True):
            (gradient,) = pull(direction)
            total = {name: t + weight * size_of(gradient[name]) for name, t in total.items()}
        return total

    with gradients_without_compiler():
        sizes = vmap(example_sizes)(x, weights_BK, directions_BKC)
    return {name: size.sum(dim=0) for name, size in sizes.items()}


def parameter_places(network: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield (place, name) for every place of every parameter; the name is the first place.

    A module with several names is listed once, since `functional_call` does not restore others.
    """
    names = {parameter: name for name, parameter in network.named_parameters()}
    for prefix, module in network.named_modules():
        for name, parameter in module.named_parameters(
            prefix, recurse=False, remove_duplicate=False
        ):
            yield name, names[parameter]

"""Lateral connections: a column's layers also receive the activations of older columns.

Reference:
    Rusu et al. 2016, Progressive neural networks, arXiv:1606.04671, eq. 2 (adapters with alpha).

Deviations:
    Those of `methods.pnn`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.parts.layers import Layer, attach_hooks, select_layers

Hidden = list[Tensor]  # the inputs of a column's layers from the second on


def run_column(
    network: nn.Module,
    names: Iterable[str],
    x: Tensor,
    older: Sequence[Hidden] = (),
    laterals: Sequence[nn.Module] = (),
) -> tuple[Hidden, Tensor]:
    """Return the hidden activations and the scores of a column.

    Args:
        network: the column.
        names: of its layers, in the order of the forward pass.
        x: images.
        older: hidden activations of the older columns.
        laterals: into the first of its layers from the second on.
    """
    hidden: Hidden = []

    def add_lateral(place: int) -> Callable[[nn.Module, Sequence[Tensor], Tensor], Tensor | None]:
        def hook(_layer: nn.Module, inputs: Sequence[Tensor], output: Tensor) -> Tensor | None:
            hidden.append(inputs[0])
            if not older or place >= len(laterals):
                return None
            added: Tensor = laterals[place]([h[place] for h in older])
            return output + added

        return hook

    layers = select_layers(network, names)[1:]
    with attach_hooks(
        layer.register_forward_hook(add_lateral(i)) for i, layer in enumerate(layers)
    ):
        return hidden, network(x)


def create_laterals(
    layers: Sequence[Layer], num_older: int, projection: int | None, alpha: float
) -> nn.ModuleList:
    """Return uninitialised laterals into each layer from the second on."""
    with torch.random.fork_rng(devices=[]):
        return nn.ModuleList(
            Lateral(num_older, layer, projection, alpha) for _, layer in pairwise(layers)
        )


class Lateral(nn.Module):
    """U relu(V [alpha_1 h_1, ..., alpha_K h_K]): the input of one layer from K older columns."""

    def __init__(self, num_older: int, into: Layer, width: int | None, alpha: float) -> None:
        super().__init__()
        above, below = into.weight.shape[:2]
        self._largest = alpha
        self.alpha = nn.Parameter(torch.empty(num_older))
        self.project: Layer
        self.expand: Layer
        if isinstance(into, nn.Linear):
            self.project = nn.Linear(num_older * below, width or below, bias=False)
            self.expand = nn.Linear(width or below, above, bias=False)
        else:
            self.project = nn.Conv2d(num_older * below, width or below, 1, bias=False)
            # A copy keeps stride and padding, so that its maps have the size of the layer's.
            self.expand = copy.deepcopy(into)
            self.expand.weight = nn.Parameter(torch.empty(above, width or below, *into.kernel_size))
            self.expand.in_channels, self.expand.bias = width or below, None

    def reset_parameters(self) -> None:
        """Initialise all weights."""
        nn.init.uniform_(self.alpha, 0, self._largest)
        self.project.reset_parameters()
        self.expand.reset_parameters()

    def forward(self, older: list[Tensor]) -> Tensor:
        """Return the term [B, out, ...] to add to the layer, from older columns' [B, in, ...]."""
        alpha = self.alpha.view(-1, *[1] * (older[0].dim() - 1))
        scaled = (torch.stack(older, dim=1) * alpha).flatten(1, 2)
        return self.expand(self.project(scaled).relu())  # type: ignore[no-any-return]

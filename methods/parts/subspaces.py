"""Subspaces of the inputs of layers: their bases, and the part of a change that is orthogonal.

A layer computes W a + b of inputs a: rows of a batch, or patches of an image. A change of (W, b)
that is orthogonal to (a, 1) leaves the output for a as it is.

Shape legend: D inputs of a layer, and one for its bias; K directions of a basis.

Reference:
    Saha et al. 2021, Gradient projection memory for continual learning, ICLR, sections 4 and 5.

Deviations:
    The singular values and vectors of the matrix of inputs are computed from its product with
    itself, in double precision. A bias is the weight of an input that is 1; the paper's
    layers have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from methods.parts.anchoring import buffer_name
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.layers import Layer, attach_hooks, select_layers

# Examples per forward pass: patches of an image take many times its memory.
BATCH = 256
NEEDED = "it must be made of linear layers, convolutions without groups and batch normalisation"
# Of the sum of squares; below it a direction is rounding.
NOTHING = 1e-12


class Bases(nn.Module):
    """Orthonormal bases [D, K] of layers, one buffer each; K is as in a state that is loaded.

    Args:
        network: has the layers.
        names: of the layers.
        learned: whether a task is learned: then there is room for the most directions, K = D.
    """

    def __init__(self, network: nn.Module, names: Sequence[str], learned: bool = False) -> None:
        super().__init__()
        for name, layer in zip(names, select_layers(network, names), strict=True):
            size = num_inputs(layer)
            empty = layer.weight.detach().new_zeros((size, size if learned else 0))
            self.register_buffer(buffer_name(name), empty)

    def __getitem__(self, name: str) -> Tensor:
        """Return the basis [D, K] of a layer."""
        return self.get_buffer(buffer_name(name))

    def extend(self, name: str, moment: Tensor, threshold: float) -> None:
        """Add the directions of a layer's inputs that `new_directions` returns."""
        basis = self[name]
        added = new_directions(basis.double(), moment, threshold)
        setattr(self, buffer_name(name), torch.cat((basis, added.to(basis)), dim=1))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name, basis in list(self.named_buffers()):
            stored = state_dict.get(f"{prefix}{name}")
            if stored is not None:
                setattr(self, name, basis.new_zeros(stored.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def num_inputs(layer: Layer) -> int:
    """Return D: the weights of one output, and 1 for a bias."""
    return layer.weight[0].numel() + (layer.bias is not None)


def new_directions(basis: Tensor, moment: Tensor, threshold: float) -> Tensor:
    """Return the fewest orthonormal directions [D, K'] that a basis lacks.

    With them the basis holds at least a share of the sum of squares of the inputs (eq. 5 and 9).

    Args:
        basis: [D, K], orthonormal.
        moment: [D, D], the sum of a a^T over inputs a.
        threshold: the share, in [0, 1].
    """
    total = moment.trace()
    rest = moment - basis @ (basis.T @ moment)
    # From both sides: the moment of the inputs without their part in the basis.
    rest = rest - (rest @ basis) @ basis.T
    squares, vectors = torch.linalg.eigh((rest + rest.T) / 2)
    squares, vectors = squares.flip(0).clamp(min=0), vectors.flip(1)
    # The basis holds total - rest of the squares already.
    missing = threshold * total - (total - rest.trace())
    # A direction is needed if those before it do not reach the share.
    before = squares.cumsum(0) - squares
    needed = (before < missing - NOTHING * total) & (squares > NOTHING * total)
    directions: Tensor = vectors[:, needed]
    return directions


def extension_flops(basis: Tensor) -> int:
    """Return the FLOPs of `new_directions` that a basis [D, K] takes: four products of 2 D^2 K."""
    return 8 * basis.shape[0] * basis.numel()


@torch.no_grad()
def input_moments(network: nn.Module, names: Sequence[str], x: Tensor) -> dict[str, Tensor]:
    """Return the sum of a a^T, float64 [D, D], over the inputs a of each layer for examples x.

    In evaluation mode. Inputs of a convolution are the patches that it multiplies.
    """
    layers = dict(zip(names, select_layers(network, names), strict=True))
    moments = {
        n: m.weight.new_zeros((num_inputs(m),) * 2, dtype=torch.float64) for n, m in layers.items()
    }

    def add(name: str) -> Callable[[Layer, tuple[Tensor]], None]:
        def hook(layer: Layer, inputs: tuple[Tensor]) -> None:
            rows_ND = input_rows(layer, inputs[0]).double()
            moments[name] += rows_ND.T @ rows_ND

        return hook

    hooks = (layer.register_forward_pre_hook(add(name)) for name, layer in layers.items())
    with evaluation_mode(network), attach_hooks(hooks):
        for part in torch.split(x, BATCH):
            network(part)
    return moments


def input_rows(layer: Layer, x: Tensor) -> Tensor:
    """Return the inputs [N, D] that a layer multiplies by its weights, 1 for a bias included."""
    if isinstance(layer, nn.Conv2d):
        mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
        # As the convolution itself pads, circular and reflected padding included.
        padded = F.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
        size, stride, dilation = layer.kernel_size, layer.stride, layer.dilation
        x = F.unfold(padded, size, dilation=dilation, stride=stride).mT
    rows = x.flatten(0, -2)
    return rows if layer.bias is None else F.pad(rows, (0, 1), value=1.0)


def weight_and_bias(layer: Layer) -> tuple[Tensor, ...]:
    """Return the weight of a layer and its bias, if it has one."""
    return (layer.weight,) if layer.bias is None else (layer.weight, layer.bias)


def orthogonal_part(changes: Iterable[Tensor], basis: Tensor) -> Iterator[Tensor]:
    """Yield the changes of a weight and its bias without their part in a subspace (eq. 6 and 7)."""
    parts = list(changes)
    change_OD = torch.cat(
        [part.flatten(1) if part.dim() > 1 else part[:, None] for part in parts], 1
    )
    rest_OD = change_OD - (change_OD @ basis) @ basis.T
    sizes = [part[0].numel() for part in parts]
    for part, rest in zip(parts, torch.split(rest_OD, sizes, dim=1), strict=True):
        # Optimisers that are fused read a gradient as if it lay in memory as its parameter does.
        yield rest.reshape(part.shape).contiguous()


def projectable_layers(network: nn.Module) -> list[str]:
    """Return the names of all linear layers and convolutions of a network that learn.

    Raises:
        ValueError: another layer than these and batch normalisation learns.
    """
    names = []
    for name, module in network.named_modules():
        own = [p for p in module.parameters(recurse=False) if p.requires_grad]
        if not own:
            continue
        plain = type(module) in (nn.Linear, nn.Conv2d) and getattr(module, "groups", 1) == 1
        if plain:
            names.append(name)
        elif name != "head" and not isinstance(module, _BatchNorm):
            raise ValueError(
                f"{name or 'it'} ({type(module).__name__}) has parameters whose changes cannot be "
                f"kept orthogonal to inputs; {NEEDED}"
            )
    return names

"""Networks that are chains: linear layers and convolutions one after the other, with batch norm.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from methods.base import Setting
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.layers import Layer, attach_hooks, select_layers

NEEDED = (
    "it must be linear layers, convolutions and batch normalisation alone, one after the other, "
    "with at least one hidden layer"
)
NO_CHAINS = {
    "resnet18": "whose blocks add their input to their output",
    "resnet32": "whose blocks add their input to their output",
    "vit_tiny": "whose tokens attend to each other",
}


@dataclass(frozen=True)
class LayerChain:
    """The layers of a network in the order of the forward pass.

    Attributes:
        names: of its linear layers and convolutions.
        norms: name of a layer of batch normalisation -> name of the layer that it normalises.
    """

    names: tuple[str, ...]
    norms: dict[str, str]


def chain_objection(setting: Setting) -> str | None:
    """Return an objection if a built-in network is no chain; a user's is checked when built."""
    library, colon, _ = setting.network.partition(":")
    reason = NO_CHAINS.get(setting.network)
    if colon and library in ("torchvision", "timm"):
        reason = f"a network of {library}"
    if reason is not None:
        return f"needs a chain of layers (mlp, cnn, or your own), given {setting.network}, {reason}"
    if getattr(setting.network_config, "head", "linear") == "cosine":
        return "needs a linear head, given head: cosine"
    # A pretrained body has layers of its own, which are looked at when it is built.
    is_pretrained = setting.network == "pretrained"
    if not is_pretrained and getattr(setting.network_config, "hidden", None) == ():
        return "needs at least one hidden layer, given hidden: []"
    return None


def find_chain(network: nn.Module, input_shape: tuple[int, ...]) -> LayerChain:
    """Return the layers of a network that is a chain.

    Raises:
        ValueError: it is none; names the layer that cannot be taken, where it is one.
    """
    layers = {m: n for n, m in network.named_modules() if type(m) in (nn.Linear, nn.Conv2d)}
    norms = {m: n for n, m in network.named_modules() if isinstance(m, _BatchNorm)}
    _refuse_others(network, {**layers, **norms})
    calls, skips = _record_calls(network, (*layers, *norms), input_shape)
    if skips:
        name = next(n for n, m in network.named_modules() if m is skips[0])
        _refuse(network, f"{name or 'it'} ({type(skips[0]).__name__}) joins several paths")
    if len(calls) != len(set(calls)) or len(calls) < len(layers) + len(norms):
        _refuse(network, "each of its layers must be called once")
    names = tuple(layers[m] for m in calls if m in layers)
    _check_widths(network, names)
    below = {norm: calls[place - 1] if place else norm for place, norm in enumerate(calls)}
    for norm, name in norms.items():
        if _width(below[norm]) != norm.num_features:
            _refuse(network, f"{name} ({type(norm).__name__}) does not follow a layer of its width")
    return LayerChain(names, {name: layers[below[norm]] for norm, name in norms.items()})


def _record_calls(
    network: nn.Module, layers: Sequence[nn.Module], input_shape: tuple[int, ...]
) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the layers in the order of their calls, and the modules that join several paths."""
    calls: list[nn.Module] = []
    skips: list[nn.Module] = []

    def record_call(layer: nn.Module, _inputs: object) -> None:
        calls.append(layer)

    def record_skip(module: nn.Module, inputs: Sequence[Any], output: Any) -> None:
        if isinstance(output, Tensor) and branches(output, inputs[0] if inputs else None):
            skips.append(module)

    # Zeros will do: what is read is the order of the calls, and the graph.
    x = torch.zeros((1, *input_shape), device=next(network.parameters()).device)
    # Detached weights, so that the graph of the output leads to the input alone.
    state = {name: p.detach() for name, p in network.named_parameters()}
    hooks = [m.register_forward_pre_hook(record_call) for m in layers]
    hooks += [m.register_forward_hook(record_skip) for m in network.modules()]
    with evaluation_mode(network), torch.enable_grad(), attach_hooks(hooks):
        functional_call(network, state, (x.requires_grad_(),))
    return calls, skips


def _width(layer: nn.Module) -> int | None:
    return layer.weight.shape[0] if isinstance(layer, nn.Linear | nn.Conv2d) else None


def branches(output: Tensor, start: Any) -> bool:
    """Return whether several paths lead from one tensor to another that is computed from it."""
    end = start.grad_fn if isinstance(start, Tensor) else None
    node: Any = output.grad_fn
    while node is not None and node is not end:
        inputs = {function for function, _ in node.next_functions if function is not None}
        if len(inputs) > 1:
            return True
        node = next(iter(inputs), None)
    return False


def values_per_unit(layer: Layer, before: Layer) -> int:
    """Return the number of inputs of a layer for each output of the one before it.

    More than one where the maps of a convolution are flattened for a linear layer.
    """
    return layer.weight.shape[1] // before.weight.shape[0]


def _refuse_others(network: nn.Module, taken: dict[Any, str]) -> None:
    """Raise ValueError if a layer that is not taken has parameters or buffers of the state."""
    for name, module in network.named_modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        state = module.state_dict().keys() - {
            f"{child}.{key}" for child, m in module.named_children() for key in m.state_dict()
        }
        if own and state and module not in taken:
            _refuse(network, f"{name or 'it'} ({type(module).__name__}) holds other values")
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            _refuse(network, f"{name} ({type(module).__name__}) has {module.groups} groups")


def _check_widths(network: nn.Module, names: tuple[str, ...]) -> None:
    layers = select_layers(network, names)
    if len(layers) < 2:
        _refuse(network, "it has no hidden layer")
    for name, (before, layer) in zip(names[1:], pairwise(layers), strict=True):
        flattens = isinstance(before, nn.Conv2d) and isinstance(layer, nn.Linear)
        factor, rest = divmod(layer.weight.shape[1], before.weight.shape[0])
        # Flattened maps give a linear layer several inputs a channel; anything else is a reshape.
        if rest or factor < 1 or (factor > 1 and not flattens):
            _refuse(network, f"{name} is not as wide as the layer before it")


def _refuse(network: nn.Module, reason: str) -> None:
    name = type(network).__name__
    raise ValueError(f"{name} is no chain of layers: {reason}; {NEEDED}")

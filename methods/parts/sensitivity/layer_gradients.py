"""Sizes of the gradients of each example in closed form, for networks of linear layers alone.

Shape legend: B examples of a batch, C outputs.

Reference:
    z = W a + b, delta = d (direction . f) / dz: the gradients of an example are delta a^T and
    delta, and size_of(delta a^T) = size_of(delta) size_of(a)^T.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from methods.parts.sensitivity.directions import BatchDirections, SizeOf


def linear_layers(network: nn.Module, probe: Tensor) -> dict[str, nn.Linear] | None:
    """Return prefix of parameters -> linear layer; None if the closed form does not apply.

    It does not if another kind of layer has trainable parameters, if parameters are shared or
    derived, or if a layer is not called exactly once with one vector per example.
    """
    layers: dict[str, nn.Linear] = {}
    for name, module in network.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if any(p.requires_grad for p in own.values()):
            if type(module) is not nn.Linear or not own.keys() <= {"weight", "bias"}:
                return None
            layers[f"{name}." if name else ""] = module
    places = list(network.named_parameters(remove_duplicate=False))
    with record_calls(layers) as calls:
        network(probe)
    once = all(len(c) == 1 and c[0][1].dim() == 2 for c in calls.values())
    return layers if once and len(places) == len(list(network.parameters())) else None


@contextmanager
def record_calls(
    layers: Mapping[str, nn.Linear],
) -> Iterator[dict[str, list[tuple[Tensor, Tensor]]]]:
    """Record the (input, output) of each call of each layer in the block."""
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in layers}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            calls[name].append((inputs[0].detach(), output))
            # A copy goes on: an in-place activation would change the recorded output.
            return output.clone()

        return hook

    handles = [layer.register_forward_hook(watch(name)) for name, layer in layers.items()]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def sum_by_layer(
    network: nn.Module,
    layers: Mapping[str, nn.Linear],
    x: Tensor,
    directions: BatchDirections,
    size_of: SizeOf,
) -> dict[str, Tensor]:
    """Return the sum over a batch of weighted gradient sizes, in closed form."""
    with record_calls(layers) as calls:
        logits_BC = network(x)
    outputs = [calls[name][0][1] for name in layers]
    sizes = [torch.zeros_like(z) for z in outputs]
    for weight_B, direction_BC in directions(logits_BC):
        # The gradient of a number: for one of logits, torch would import a symbolic solver (0.6 s).
        along = (logits_BC * direction_BC).sum()
        deltas = torch.autograd.grad(along, outputs, retain_graph=True)
        for size, delta in zip(sizes, deltas, strict=True):
            # The layer's input is the same for all directions: sum first, multiply once.
            size.addcmul_(weight_B.unsqueeze(1), size_of(delta))
    result: dict[str, Tensor] = {}
    for (name, layer), size in zip(layers.items(), sizes, strict=True):
        if layer.weight.requires_grad:
            result[f"{name}weight"] = size.T @ size_of(calls[name][0][0])
        if layer.bias is not None and layer.bias.requires_grad:
            result[f"{name}bias"] = size.sum(dim=0)
    return result

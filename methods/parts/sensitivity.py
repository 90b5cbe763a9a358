"""The sensitivity of the outputs to each parameter, per example instead of per batch.

    S_j = E_x sum_k weight_k(x) size_of(d (direction_k(x) . f(x)) / d theta_j)

size_of is the square for the Fisher information (`methods.parts.fisher`) and the absolute value for
memory-aware synapses (`methods.mas`).

Shape legend: N examples, B of a batch, C outputs, K directions per example.

Reference:
    Closed form for a linear layer z = W a + b, delta = d (direction . f) / dz: the gradients of an
    example are delta a^T and delta, and size_of(delta a^T) = size_of(delta) size_of(a)^T.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

BatchDirections = Callable[[Tensor], Iterator[tuple[Tensor, Tensor]]]
SizeOf = Callable[[Tensor], Tensor]

# Largest number of gradient elements in memory when each example has its gradient (128 MiB).
GRADIENT_ELEMENTS = 2**25


class Directions(Protocol):
    """The combinations of outputs to differentiate, and their weights."""

    def __call__(self, logits_BC: Tensor, rows: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (weight [B], direction [B, C]) for each k, for the examples in `rows`."""


@torch.enable_grad()
def mean_over_examples(
    network: nn.Module,
    x: Tensor,
    directions: Directions,
    size_of: SizeOf,
    batch_size: int = 512,
) -> dict[str, Tensor]:
    """Return S of trainable parameters: name -> tensor of the parameter's shape.

    The network is in evaluation mode meanwhile; gradients and running statistics are not changed.
    If all parameters belong to linear layers, a batch takes one backward pass per direction and one
    matrix product per layer; otherwise the gradient of every example is computed.

    Args:
        network: returns f(x), the logits [B, C].
        x: images [N, ...] to average over.
        directions: the combinations of outputs to differentiate, and their weights.
        size_of: element-wise, with size_of(u v) = size_of(u) size_of(v), such as the square.
        batch_size: examples per batch; changes the result by rounding only.
    """
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in learning.items()}
    with evaluation_mode(network):
        layers = linear_layers(network, x[:1])
        if layers is None:
            size = sum(p.numel() for p in learning.values())
            batch_size = max(1, min(batch_size, GRADIENT_ELEMENTS // max(size, 1)))
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            towards = partial(directions, rows=rows)
            sizes = (
                sum_by_example(network, x[rows], towards, size_of)
                if layers is None
                else sum_by_layer(network, layers, x[rows], towards, size_of)
            )
            for name, value in sizes.items():
                total[name] += value
    return {name: t / len(x) for name, t in total.items()}


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put every submodule into evaluation mode during the block, then restore its mode."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


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
        deltas = torch.autograd.grad(logits_BC, outputs, direction_BC, retain_graph=True)
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


def sum_by_example(
    network: nn.Module, x: Tensor, directions: BatchDirections, size_of: SizeOf
) -> dict[str, Tensor]:
    """Return the sum over a batch of weighted gradient sizes, from each example's gradient."""
    learning = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    places = {place: name for place, name in parameter_places(network) if name in learning}
    with torch.no_grad():
        pairs = list(directions(network(x)))
    weights_BK = torch.stack([weight for weight, _ in pairs], dim=1)
    directions_BKC = torch.stack([direction for _, direction in pairs], dim=1)

    def example_sizes(x: Tensor, weights_K: Tensor, directions_KC: Tensor) -> dict[str, Tensor]:
        def logits(parameters: dict[str, Tensor]) -> Any:
            by_place = {place: parameters[name] for place, name in places.items()}
            batch = (x.unsqueeze(0),)
            return functional_call(network, by_place, batch, tie_weights=False).squeeze(0)

        pull = vjp(logits, learning)[1]
        total = {name: torch.zeros_like(p) for name, p in learning.items()}
        for weight, direction in zip(weights_K, directions_KC, strict=True):
            (gradient,) = pull(direction)
            total = {name: t + weight * size_of(gradient[name]) for name, t in total.items()}
        return total

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

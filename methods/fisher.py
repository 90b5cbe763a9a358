"""The diagonal of the Fisher information, exactly: squared per example, not per batch.

    F_j = E_x E_{c ~ q(.|x)} [ (d log p(c|x) / d theta_j)^2 ]

Shape legend: N examples, B of a batch, C outputs, K labels taken per example.

Reference:
    Martens 2020, New insights and perspectives on the natural gradient method, JMLR 21(146).
    The choice of q: van de Ven 2025, On the computation of the Fisher information in continual
    learning, arXiv:2502.11756. Closed form for a linear layer z = W a + b, delta = d log p / dz:
    (d log p / dW)^2 = delta^2 (a^2)^T and (d log p / db)^2 = delta^2.

Deviations:
    None. p is the softmax over the outputs allowed to compete with the example's label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

from methods.base import Examples

Labels = Literal["all", "sampled", "empirical"]
Directions = Callable[[Tensor], Iterator[tuple[Tensor, Tensor]]]

# Gradient elements held at once where every example has a gradient of its own (128 MiB of float32).
GRADIENT_ELEMENTS = 2**25


@torch.enable_grad()
def diagonal_fisher(
    network: nn.Module,
    examples: Examples,
    allowed: Tensor | None = None,
    labels: Labels = "all",
    generator: torch.Generator | None = None,
    batch_size: int = 512,
) -> dict[str, Tensor]:
    """Return the Fisher diagonal: name -> tensor of the parameter's shape, for those that learn.

    The network is in evaluation mode for the while; gradients and running statistics stay as they
    are. Where all parameters sit in linear layers, a batch takes one backward pass per label and
    one matrix product per layer; otherwise every example has a gradient of its own.

    Args:
        network: returns logits [B, C].
        examples: over which x is averaged.
        allowed: bool [C, C]; row y holds the outputs that compete with label y. None: all do.
        labels: q. "all": the network's own p(c|x), summed over c exactly; "sampled": one draw from
            it per example; "empirical": the true label.
        generator: for the draws of "sampled".
        batch_size: examples a batch; changes the result by rounding only.
    """
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in learning.items()}
    directions = LabelDirections.of(examples, allowed, labels, generator)
    with evaluation_mode(network):
        layers = linear_layers(network, examples.x[:1])
        if layers is None:
            size = sum(p.numel() for p in learning.values())
            batch_size = max(1, min(batch_size, GRADIENT_ELEMENTS // max(size, 1)))
        for start in range(0, len(examples), batch_size):
            rows = slice(start, start + batch_size)
            x, towards = examples.x[rows], partial(directions, rows=rows)
            squares = (
                squares_by_example(network, x, towards)
                if layers is None
                else squares_by_layer(network, layers, x, towards)
            )
            for name, square in squares.items():
                total[name] += square
    return {name: t / len(examples) for name, t in total.items()}


@dataclass(frozen=True, eq=False)
class LabelDirections:
    """For which labels gradients are taken, and how each counts.

    Attributes:
        y: int64 [N], the true labels.
        allowed: bool [C, C] or None.
        labels: see `diagonal_fisher`.
        classes: outputs that may have probability, for "all".
        draws: float64 [N] in [0, 1), one per example whatever the batches, for "sampled".
    """

    y: Tensor
    allowed: Tensor | None
    labels: Labels
    classes: tuple[int, ...] | None
    draws: Tensor | None

    @staticmethod
    def of(
        examples: Examples,
        allowed: Tensor | None,
        labels: Labels,
        generator: torch.Generator | None,
    ) -> LabelDirections:
        """Return the directions for some examples."""
        classes = draws = None
        if allowed is not None:
            present = examples.y.bincount(minlength=len(allowed)) > 0
            classes = tuple(allowed[present].any(dim=0).nonzero().flatten().tolist())
        if labels == "sampled":
            draws = torch.rand(len(examples), generator=generator, dtype=torch.float64)
            draws = draws.to(examples.y.device)
        return LabelDirections(examples.y, allowed, labels, classes, draws)

    @torch.no_grad()
    def __call__(self, logits_BC: Tensor, rows: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (weight [B], d log p(c|x) / d logits [B, C]) for each label c of some rows."""
        y_B = self.y[rows]
        if self.allowed is not None:
            logits_BC = logits_BC.masked_fill(~self.allowed[y_B], float("-inf"))
        p_BC = logits_BC.softmax(dim=1)
        for label_B in self.chosen(p_BC, y_B, rows):
            index = label_B.unsqueeze(1)
            weight = p_BC.gather(1, index).squeeze(1)
            if self.labels != "all":
                weight = torch.ones_like(weight)
            yield weight, (-p_BC).scatter_add(1, index, torch.ones_like(p_BC[:, :1]))

    def chosen(self, p_BC: Tensor, y_B: Tensor, rows: slice) -> Iterator[Tensor]:
        """Yield labels [B], once or once per class."""
        if self.labels == "empirical":
            yield y_B
        elif self.draws is not None:
            cumulative = p_BC.double().cumsum(dim=1)
            reached = cumulative / cumulative[:, -1:] <= self.draws[rows].unsqueeze(1)
            yield reached.sum(dim=1)
        else:
            for c in range(p_BC.shape[1]) if self.classes is None else self.classes:
                yield torch.full_like(y_B, c)


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Put every submodule into evaluation mode, and each back into its own mode after."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def linear_layers(network: nn.Module, probe: Tensor) -> dict[str, nn.Linear] | None:
    """Return the linear layers, by prefix of their parameters, if they hold all that learns.

    None where the closed form does not apply: another kind of layer learns, parameters are shared
    or derived from others, or a layer is not called exactly once with one vector per example.
    """
    layers: dict[str, nn.Linear] = {}
    for name, module in network.named_modules():
        own = dict(module.named_parameters(recurse=False))
        if any(p.requires_grad for p in own.values()):
            if type(module) is not nn.Linear or not own.keys() <= {"weight", "bias"}:
                return None
            layers[f"{name}." if name else ""] = module
    places = list(network.named_parameters(remove_duplicate=False))
    with recorded(layers) as calls:
        network(probe)
    once = all(len(c) == 1 and c[0][1].dim() == 2 for c in calls.values())
    return layers if once and len(places) == len(list(network.parameters())) else None


@contextmanager
def recorded(layers: Mapping[str, nn.Linear]) -> Iterator[dict[str, list[tuple[Tensor, Tensor]]]]:
    """Note each call of each layer in the block as (squared input, output)."""
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in layers}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            calls[name].append((inputs[0].detach().square(), output))
            # An activation that works in place must not turn the noted output into its own.
            return output.clone()

        return hook

    handles = [layer.register_forward_hook(watch(name)) for name, layer in layers.items()]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def squares_by_layer(
    network: nn.Module, layers: Mapping[str, nn.Linear], x: Tensor, directions: Directions
) -> dict[str, Tensor]:
    """Return a batch's sum of weighted squared gradients, in closed form for linear layers."""
    with recorded(layers) as calls:
        logits_BC = network(x)
    outputs = [calls[name][0][1] for name in layers]
    delta_squares = [torch.zeros_like(z) for z in outputs]
    for weight_B, direction_BC in directions(logits_BC):
        deltas = torch.autograd.grad(logits_BC, outputs, direction_BC, retain_graph=True)
        for total, delta in zip(delta_squares, deltas, strict=True):
            # The layer's input is the same for every label: sum over labels first, multiply once.
            total.addcmul_(weight_B.unsqueeze(1), delta.square())
    squares: dict[str, Tensor] = {}
    for (name, layer), total in zip(layers.items(), delta_squares, strict=True):
        if layer.weight.requires_grad:
            squares[f"{name}weight"] = total.T @ calls[name][0][0]
        if layer.bias is not None and layer.bias.requires_grad:
            squares[f"{name}bias"] = total.sum(dim=0)
    return squares


def squares_by_example(network: nn.Module, x: Tensor, directions: Directions) -> dict[str, Tensor]:
    """Return a batch's sum of weighted squared gradients, from a gradient of each example."""
    learning = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    places = {place: name for place, name in parameter_places(network) if name in learning}
    with torch.no_grad():
        pairs = list(directions(network(x)))
    weights_BK = torch.stack([weight for weight, _ in pairs], dim=1)
    directions_BKC = torch.stack([direction for _, direction in pairs], dim=1)

    def one(x: Tensor, weights_K: Tensor, directions_KC: Tensor) -> dict[str, Tensor]:
        def logits(parameters: dict[str, Tensor]) -> Any:
            given = {place: parameters[name] for place, name in places.items()}
            return functional_call(network, given, (x.unsqueeze(0),), tie_weights=False).squeeze(0)

        pull = vjp(logits, learning)[1]
        total = {name: torch.zeros_like(p) for name, p in learning.items()}
        for weight, direction in zip(weights_K, directions_KC, strict=True):
            (gradient,) = pull(direction)
            total = {name: t + weight * gradient[name].square() for name, t in total.items()}
        return total

    return {name: s.sum(dim=0) for name, s in vmap(one)(x, weights_BK, directions_BKC).items()}


def parameter_places(network: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield every place of every parameter, and the parameter's own name, which is its first place.

    A parameter of several modules has several places; a module of several names counts once, since
    `functional_call` would not put its parameters back if they were given under each name.
    """
    names = {parameter: name for name, parameter in network.named_parameters()}
    for prefix, module in network.named_modules():
        for name, parameter in module.named_parameters(
            prefix, recurse=False, remove_duplicate=False
        ):
            yield name, names[parameter]

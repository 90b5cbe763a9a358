"""The sensitivity of the outputs to each parameter, per example instead of per batch.

    S_j = E_x sum_k weight_k(x) size_of(d (direction_k(x) . f(x)) / d theta_j)

size_of is the square for the Fisher information (`fisher.py`) and the absolute value for
memory-aware synapses (`methods.mas`).

Shape legend: N examples, B of a batch, C outputs, K directions per example.

Reference:
    Closed form for a linear layer z = W a + b, delta = d (direction . f) / dz: the gradients of an
    example are delta a^T and delta, and size_of(delta a^T) = size_of(delta) size_of(a)^T.

Deviations:
    None.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.sensitivity.directions import Directions, SizeOf
from methods.parts.sensitivity.example_gradients import sum_by_example
from methods.parts.sensitivity.layer_gradients import linear_layers, sum_by_layer

# Largest number of gradient elements in memory when each example has its gradient (128 MiB).
GRADIENT_ELEMENTS = 2**25


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

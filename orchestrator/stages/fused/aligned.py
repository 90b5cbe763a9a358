"""Batched matrix products whose bits for a sibling do not depend on the others.

The kernels of a batched product start each matrix where the one before it ends, and where a matrix
begins within a cache line decides how its sums are split. Here each matrix, input or output, begins
at a cache line of its own, so that a sibling's bits are the same alone, in any place, in any group
(tested). Fused optimisers take the elements at the end of a tensor one by one, with other rounding;
no row has such an end.

Shape legend: K siblings, B examples, i inputs, o outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

LINE = 64  # elements; at least 64 bytes, a cache line, for each type


def aligned_zeros(size: Sequence[int], like: Tensor) -> Tensor:
    """Return zeros [K, ...]; each of the K parts begins at a cache line."""
    count, *shape = size
    length = torch.Size(shape).numel()
    return like.new_zeros((count, -(-length // LINE) * LINE))[:, :length].view(size)


def align(x: Tensor) -> Tensor:
    """Return a tensor [K, ...] whose parts begin at cache lines, copied only if they do not yet."""
    dense = x[0].is_contiguous() and x.data_ptr() % LINE == 0
    if dense and x.stride(0) * x.element_size() % LINE == 0:
        return x
    return aligned_zeros(x.shape, x).copy_(x)


def product(one: Tensor, other: Tensor) -> Tensor:
    """Return the products [K, n, m] of matrices [K, n, k] and [K, k, m], all of them aligned."""
    count, rows, _ = one.shape
    return torch.bmm(one, other, out=aligned_zeros((count, rows, other.shape[2]), one))


class BatchedLinear(torch.autograd.Function):
    """Linear layers of K siblings: x [K, B, i], weight [K, o, i], bias [K, o] -> [K, B, o]."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the outputs."""
        return product(align(x), align(weight).transpose(1, 2)).add_(bias.unsqueeze(1))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep the inputs."""
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """Return the gradients of the inputs."""
        x, weight = ctx.saved_tensors
        delta = align(gradient)
        of_x = product(delta, align(weight)) if ctx.needs_input_grad[0] else None
        return of_x, product(delta.transpose(1, 2), align(x)), delta.sum(dim=1)

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        """Return the outputs of all siblings at once."""
        moved = (
            each.expand(info.batch_size, *each.shape) if dim is None else each.movedim(dim, 0)
            for each, dim in zip(inputs, dims, strict=True)
        )
        return batched_linear(*moved), 0


batched_linear: Callable[..., Tensor] = BatchedLinear.apply


def dot(one: Tensor, other: Tensor) -> Tensor:
    """Return a dot product []; batched, torch's own is a product of matrices, with FLOPs."""
    return (one * other).sum()


DEFAULTS = {"weight": None, "reduction": "mean", "ignore_index": -100, "label_smoothing": 0.0}


def cross_entropy(logits: Tensor, y: Tensor, **options: Any) -> Tensor:
    """Return the mean cross-entropy []; batched, torch's own is taken apart in Python, slowly."""
    if any(options.get(name, value) != value for name, value in DEFAULTS.items()):
        return F.cross_entropy(logits, y, **options)
    return -logits.log_softmax(dim=1).gather(1, y.unsqueeze(1)).mean()


# What siblings compute under `torch.vmap` in place of functions of torch. On a GPU the products are
# torch's own: there all groups have one size (`slots`).
ON_GPU: dict[Any, Any] = {F.cross_entropy: cross_entropy, torch.dot: dot}
ON_CPU: dict[Any, Any] = {**ON_GPU, F.linear: batched_linear}


class AlignedProducts(TorchFunctionMode):
    """A context in which functions of torch are replaced, for use in `torch.vmap`.

    Args:
        device: of the tensors.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._in_place_of = ON_CPU if device.type == "cpu" else ON_GPU

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function, or what takes its place."""
        return self._in_place_of.get(func, func)(*args, **(kwargs or {}))

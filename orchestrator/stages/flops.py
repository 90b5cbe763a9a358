"""Count FLOPs: those of matrix products, convolutions and Cholesky factorisations.

Each multiply-add counts as two. Element-wise work (activations, penalties, optimiser) is not
counted. The formulas of products and convolutions, forward and backward, are PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from orchestrator.stages.without_compiler import without_compiler


def convolution_backward_flops(*shapes: Any, out_shape: Any) -> int:
    """Return the FLOPs of the backward pass of a convolution.

    PyTorch's formula for the gradient of the weights pairs every input channel with every output
    channel, also across groups. Gradients per example are computed with examples as groups, so the
    formula overestimates them by the number of groups; this function divides by it.
    """
    *rest, groups, mask = shapes
    formula: Callable[..., int] = flop_registry[torch.ops.aten.convolution_backward].__wrapped__
    inputs, weights = (
        formula(*rest, groups, wanted, out_shape=out_shape)
        for wanted in ((mask[0], False), (False, mask[1]))
    )
    return inputs + weights // int(groups)


def added_product_flops(_added: Any, left: Any, _right: Any, *, out_shape: Any, **_: Any) -> int:
    """Return the FLOPs of products [..., m, k] [..., k, n] that are added to a tensor: 2 m k n.

    PyTorch's formula is the same, and takes ten times as long: it maps the shapes once more.
    """
    return int(2 * prod(out_shape) * left[-1])


def cholesky_flops(shape: Any, *_: Any, out_shape: Any, **__: Any) -> int:
    """Return the FLOPs of factorising symmetric matrices [..., n, n]: n^3 / 3 each."""
    *batch, n, _last = shape
    return int(prod(batch) * n**3 // 3)


def cholesky_solve_flops(shape: Any, *_: Any, out_shape: Any, **__: Any) -> int:
    """Return the FLOPs of solving for right-hand sides [..., n, k], given the factor: 2 n^2 k."""
    *batch, n, k = shape
    return int(2 * prod(batch) * n**2 * k)


def triangular_solve_flops(shape: Any, *_: Any, out_shape: Any, **__: Any) -> int:
    """Return the FLOPs of solving triangular matrices [..., n, n] for k columns: n^2 k each."""
    return int(shape[-1] * prod(out_shape))


def shape_of(value: Any) -> Any:
    """Return the shape of a tensor, the shapes of several, or a value that is neither."""
    if isinstance(value, Tensor):
        return value.shape
    return [shape_of(each) for each in value] if isinstance(value, list | tuple) else value


def wrap_formula(formula: Callable[..., int]) -> Callable[..., int]:
    """Return a formula over shapes as a function of tensors, three times as fast as PyTorch's."""

    def count(*args: Any, out_val: Any, **named: Any) -> int:
        shapes = {name: shape_of(value) for name, value in named.items()}
        return formula(*map(shape_of, args), **shapes, out_shape=shape_of(out_val))

    return count


FORMULAS: Mapping[Any, Callable[..., int]] = {
    # What PyTorch wraps is over shapes; what it does not wrap is over tensors.
    **{
        operation: wrap_formula(formula.__wrapped__) if hasattr(formula, "__wrapped__") else formula
        for operation, formula in flop_registry.items()
    },
    **{
        operation: wrap_formula(formula)
        for operation, formula in (
            (torch.ops.aten.addmm, added_product_flops),
            (torch.ops.aten.baddbmm, added_product_flops),
            (torch.ops.aten.convolution_backward, convolution_backward_flops),
            (torch.ops.aten.linalg_cholesky_ex, cholesky_flops),
            (torch.ops.aten.cholesky_solve, cholesky_solve_flops),
            (torch.ops.aten.linalg_solve_triangular, triangular_solve_flops),
        )
    },
}


@without_compiler
class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context in which FLOPs are added to `total`.

    PyTorch's `FlopCounterMode` gives the same totals. It also follows the modules, which are of no
    use here, and takes three times as long.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation, or the operations that it is made of, and count it."""
        named = kwargs or {}
        formula, composite = find_formula(func)
        if composite:
            # A mode is off inside its own dispatch; entered again, it sees the parts.
            with self:
                return func.decompose(*args, **named)
        result = func(*args, **named)
        if formula is not None:
            self.total += formula(*args, **named, out_val=result)
        return result


@cache
def find_formula(func: OpOverload[..., Any]) -> tuple[Callable[..., int] | None, bool]:
    """Return the formula of an operation, and whether it is counted by its parts instead."""
    formula = FORMULAS.get(func._overloadpacket)
    return formula, formula is None and is_composite(func)


def is_composite(func: OpOverload[..., Any]) -> bool:
    """Return whether an operation is made of others, which may have FLOPs."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return key in func.py_kernels or torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(),  # type: ignore[no-untyped-call]
        key,
    )

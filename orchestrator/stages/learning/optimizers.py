"""The options of optimisers, those of torch and the user's own, and their steps.

`momentum` and `weight_decay` are options of the training itself, and are passed to every optimiser
that takes them; the others are given with the name.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

# Those that were here before others; fused, they give the numbers of every earlier version.
FUSED = frozenset({"sgd", "adam", "adamw"})
# How an optimiser computes, and what the training gives it.
WITHHELD = frozenset({"self", "params", "lr", "foreach", "fused", "capturable", "differentiable"})
OF_TRAINING = ("momentum", "weight_decay")


def constructor_parameters(cls: type[Optimizer]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of an optimiser's constructor."""
    return _inspect(cast(Hashable, cls))


@lru_cache(maxsize=64)  # a sweep has thousands of trainings, and few optimisers
def _inspect(cls: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls).parameters


def has_option(cls: type[Optimizer], option: str) -> bool:
    """Return whether an optimiser has an option."""
    parameters = constructor_parameters(cls)
    return option in parameters or any(
        each.kind is each.VAR_KEYWORD for each in parameters.values()
    )


def valid_options(cls: type[Optimizer]) -> list[str]:
    """Return the options of an optimiser that a sweep may give."""
    named = (
        p
        for p in constructor_parameters(cls).values()
        if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    )
    return [p.name for p in named if p.name not in WITHHELD]


def clip_gradients(parameters: Iterable[torch.nn.Parameter], norm: float) -> None:
    """Scale the gradients so that their norm, all together, is at most `norm`.

    The gradient tensors themselves are replaced, not modified, so that a method may keep them.
    """
    learning = [p for p in parameters if p.grad is not None]
    for p in learning:
        p.grad = cast(Tensor, p.grad).clone()
    torch.nn.utils.clip_grad_norm_(learning, norm)


def unfuse_mixed_steps(optimizer: Optimizer, *_arguments: object) -> None:
    """Let SGD take a step unfused if it is the first of some of the parameters alone.

    Its fused step takes either all momentum buffers of a group, or none.
    """
    for group in optimizer.param_groups:
        if group["momentum"]:
            learning = [p for p in group["params"] if p.grad is not None]
            later = sum("momentum_buffer" in optimizer.state.get(p, {}) for p in learning)
            group["fused"] = later in (0, len(learning))

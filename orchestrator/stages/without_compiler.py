"""Classes of torch that do not import its compiler until something compiles.

Optimisers and dispatch modes import `torch._dynamo` at their first use, to mark where a compiled
graph breaks. That is as much processor time as the import of torch itself (2 s), in each worker and
command, and nothing is compiled here unless a sweep asks for it. `without_compiler` replaces the
methods concerned by those they wrap; once the compiler is imported they are torch's own again.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

COMPILER = "torch._dynamo"
T = TypeVar("T", bound=type)
# The names of the functions that torch wraps around a method: a torch without them is left alone.
DISABLED, STEP = "inner", "_use_grad"


def without_compiler(cls: T) -> T:
    """Let the methods of a class do without the compiler as long as it is not imported."""
    for name, method in list(vars(cls).items()):
        wrapper = getattr(getattr(method, "__code__", None), "co_name", None)
        if wrapper == DISABLED:
            setattr(cls, name, _choose_at_call(method, method.__wrapped__))
        elif wrapper == STEP:
            setattr(cls, name, _choose_at_call(method, _step(method.__wrapped__)))
    return cls


@functools.cache
def spare_optimizers() -> None:
    """Let the optimisers of torch do without the compiler; called before one is built."""
    for cls in vars(torch.optim).values():
        if isinstance(cls, type) and issubclass(cls, Optimizer):
            without_compiler(cls)


def _step(step: Callable[..., Any]) -> Callable[..., Any]:
    def step_in_grad_mode(optimizer: Optimizer, *args: Any, **named: Any) -> Any:
        with torch.set_grad_enabled(optimizer.defaults["differentiable"]):
            return step(optimizer, *args, **named)

    return step_in_grad_mode


def _choose_at_call(method: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **named: Any) -> Any:
        return (method if COMPILER in sys.modules else plain)(*args, **named)

    return call

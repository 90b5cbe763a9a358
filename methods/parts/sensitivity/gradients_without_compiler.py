"""Gradients within `vmap` that do not import torch's compiler."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

COMPILER = "torch._dynamo"


class Compiler(ModuleType):
    """Stands for torch's compiler; all but the switch that gradients turn off is the compiler's."""

    compiled_autograd = SimpleNamespace(_disable=nullcontext)

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(COMPILER), name)


@contextmanager
def gradients_without_compiler() -> Iterator[None]:
    """Let `torch.func` take gradients without its compiler.

    It would import the compiler, as much processor time as the import of torch itself (2 s), only
    to switch it off.
    """
    if COMPILER in sys.modules:
        yield
        return
    stand_in = vars(torch)["_dynamo"] = Compiler(COMPILER)
    try:
        yield
    finally:
        if vars(torch).get("_dynamo") is stand_in:
            del vars(torch)["_dynamo"]

"""How a network computes its outputs in training: precision, and compiled code.

Consolidation and evaluation are in float32 and pause_compiler.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

from orchestrator.errors import RepertoireError

PRECISIONS = ("float32", "bf16")
CXX = ("g++", "clang++", "c++")


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which matrix products and convolutions have a precision."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def training_mode(
    network: nn.Module, precision: str, compile_network: bool, device: torch.device
) -> Iterator[None]:
    """Let a network return float32 whatever its precision, and compile it, during the block.

    Raises:
        RepertoireError: the network is to be compiled, and this machine has no compiler.
    """
    handles = []
    if precision != "float32":
        handles.append(network.register_forward_hook(_to_float32))
    if compile_network:
        require_compiler(device)
        # What was compiled before would decide whether this network is compiled or not.
        torch.compiler.reset()
        network.compile()
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        if compile_network:
            # `compile` has no inverse; this is where torch keeps what it compiled.
            network._compiled_call_impl = None
            torch.compiler.reset()


def _to_float32(_network: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    return output.float()


def pause_compiler() -> AbstractContextManager[object]:
    """Return a context in which compiled networks run as written, so that FLOPs can be counted."""
    return torch.compiler.set_stance("force_eager")  # type: ignore[no-any-return]


def require_compiler(device: torch.device) -> None:
    """Raise RepertoireError unless torch can compile for the processor of this machine."""
    given = os.environ.get("CXX")
    if device.type == "cpu" and not any(map(shutil.which, [given] if given else CXX)):
        looked = f"CXX is {given!r}" if given else f"none of {', '.join(CXX)} is on the path"
        raise RepertoireError(
            f"training.compile: needs a C++ compiler on the machine that trains, and {looked}; "
            "install one, or leave compile out"
        )

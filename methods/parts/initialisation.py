"""Networks that start again: weights drawn anew, and copies that do not learn.

Reference:
    None; weights follow the law that the network's first weights followed.

Deviations:
    None.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import torch
from torch import nn


def frozen(network: nn.Module) -> nn.Module:
    """Return a copy that does not learn."""
    return copy.deepcopy(network).requires_grad_(False)


def reinitialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw a network's weights anew, in place, and reset its running statistics.

    A network with a method `fresh` draws them as its constructor did: that returns another network,
    untrained. Otherwise each layer does by its own `reset_parameters`. Both draw from torch's
    global generator, which is put back as it was, and on the CPU, so that a GPU starts from the
    same weights. Of a network on a GPU nothing but its buffers is copied from there.

    Raises:
        TypeError: a module holds parameters and has no `reset_parameters`, nor the network `fresh`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        network.load_state_dict(drawn_anew(network).state_dict())


def drawn_anew(network: nn.Module) -> nn.Module:
    """Return a network like another on the CPU, its weights drawn from the global generator."""
    fresh = getattr(network, "fresh", None)
    if fresh is not None:
        return cast(Callable[[], nn.Module], fresh)()
    copied = copy.deepcopy(network).to_empty(device="cpu")
    for name, buffer in copied.named_buffers():
        buffer.copy_(network.get_buffer(name))
    reset(copied)
    return copied


def reset(module: nn.Module) -> None:
    """Call `reset_parameters` on a module, or else on its children."""
    own = getattr(module, "reset_parameters", None)
    if own is not None:
        own()
        return
    if next(module.parameters(recurse=False), None) is not None:
        raise TypeError(
            f"{type(module).__name__} holds parameters and cannot be initialised anew; give it a "
            "method reset_parameters(), or the network a method fresh() that returns a new one"
        )
    for child in module.children():
        reset(child)

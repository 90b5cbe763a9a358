"""New initial weights for a network, and frozen copies.

Reference:
    None; weights have the distribution of the network's first weights.

Deviations:
    None.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from methods.base import Setting


def frozen_copy(network: nn.Module) -> nn.Module:
    """Return a copy whose parameters are not trained."""
    return copy.deepcopy(network).requires_grad_(False)


def reinitialise(network: nn.Module, generator: torch.Generator) -> None:
    """Initialise a network's weights and running statistics again, in place.

    The generator is not advanced.

    Raises:
        TypeError: the network has no `fresh`, and a module with parameters no `reset_parameters`.
    """
    network.load_state_dict(fresh_state(network, generator.clone_state()))


def fresh_state(network: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the state of a new network of the same kind, on the CPU; advance the generator.

    If the network has a method `fresh()`, which returns a new untrained network, its weights are
    used. Otherwise `reset_parameters()` is called on each layer. Both draw from torch's global
    generator, whose state is restored, and on the CPU, so that a GPU starts from the same weights.

    Raises:
        TypeError: the network has no `fresh`, and a module with parameters no `reset_parameters`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(generator.get_state())
        state = draw_network(network).state_dict()
        generator.set_state(torch.default_generator.get_state())
    return dict(state)


def draws_by_layer(setting: Setting) -> bool:
    """Return whether a built-in network's layers, reset one by one, draw what its constructor does.

    Release 0.1 reset the layers of every network; for these networks its numbers are the same.
    """
    variant = getattr(setting.network_config, "variant", None)
    return (setting.network, variant) in {("mlp", None), ("cnn", None), ("resnet18", "slim")}


def draw_network(network: nn.Module) -> nn.Module:
    """Return a new network of the same kind on the CPU, drawn from the global generator."""
    fresh = getattr(network, "fresh", None)
    if fresh is not None:
        return cast(Callable[[], nn.Module], fresh)()
    copied = copy.deepcopy(network).to_empty(device="cpu")
    # `to_empty` clears buffers too, among them constants that no reset restores.
    for name, buffer in copied.named_buffers():
        buffer.copy_(network.get_buffer(name))
    reset(copied)
    return copied


def reset(module: nn.Module) -> None:
    """Call `reset_parameters` on a module, or on its children if it has none."""
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

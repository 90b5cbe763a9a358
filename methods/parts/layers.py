"""The layers of a network: a chain of linear layers, and the output layer.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from methods.base import Setting, input_dtype
from methods.parts.sensitivity import evaluation_mode

LIBRARIES = ("torchvision:", "timm:")


def linear_chain_objection(setting: Setting) -> str | None:
    """Return why a built-in network is no chain of linear layers; others are checked when built."""
    library = setting.network.startswith(LIBRARIES)
    if setting.network == "mlp" or (":" in setting.network and not library):
        return None
    return f"needs a chain of linear layers (mlp), given {setting.network}"


def linear_chain(network: nn.Module, input_shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return the names of a network's linear layers in the order of the forward pass.

    Raises:
        ValueError: the network has other parameters or buffers, or is no chain of at least two
            linear layers, each called once and each as wide as the input of the next.
    """
    names = {m: name for name, m in network.named_modules() if type(m) is nn.Linear}
    linear_state = {f"{name}.{own}" for m, name in names.items() for own in m.state_dict()}
    called: list[nn.Linear] = []
    device = next(network.parameters()).device
    with (
        evaluation_mode(network),
        torch.no_grad(),
        attach_hooks(
            layer.register_forward_pre_hook(lambda m, _: called.append(m)) for layer in names
        ),
    ):
        network(torch.zeros((1, *input_shape), dtype=input_dtype(input_shape), device=device))
    fits = all(one.out_features == other.in_features for one, other in pairwise(called))
    once = len(called) == len(names) == len(set(called)) >= 2
    if not (fits and once and linear_state == network.state_dict().keys()):
        raise ValueError(
            f"{type(network).__name__} is no chain of linear layers: it must be "
            "linear layers alone, one after the other, with at least one hidden layer"
        )
    return tuple(names[layer] for layer in called)


def select_layers(network: nn.Module, names: Iterable[str]) -> list[nn.Linear]:
    """Return the linear layers with given names, in their order."""
    return [layer for n in names if isinstance(layer := network.get_submodule(n), nn.Linear)]


@contextmanager
def attach_hooks(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Keep hooks registered during the block and remove them after it."""
    registered = list(handles)  # an iterator registers its hooks here
    try:
        yield
    finally:
        for handle in registered:
            handle.remove()


def head_names(network: nn.Module) -> frozenset[str]:
    """Return the names of the parameters of a network's output layer.

    Raises:
        ValueError: the network has no linear layer named head.
    """
    if not isinstance(getattr(network, "head", None), nn.Linear):
        raise ValueError(
            f"{type(network).__name__} has no linear layer named head, so the outputs of one task "
            "cannot be distinguished from those of another: name the output layer head"
        )
    return frozenset(name for name, _ in network.named_parameters() if name.startswith("head."))

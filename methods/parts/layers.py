"""The layers of a network by name, hooks on them, and the output layer.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn
from torch.utils.hooks import RemovableHandle

Layer = nn.Linear | nn.Conv2d


def select_layers(network: nn.Module, names: Iterable[str]) -> list[Layer]:
    """Return the linear layers and convolutions with given names, in their order."""
    layers = map(network.get_submodule, names)
    return [layer for layer in layers if isinstance(layer, nn.Linear | nn.Conv2d)]


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

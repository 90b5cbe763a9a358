"""The layers of a network that were drawn: its head, and hidden layers between body and head.

A network whose class has `draws_hidden_layers`, as a pretrained one, has `body_features`, which
returns the features [B, D] of its body, and `hidden`, the layers that turn these into those of the
head. Of other networks the head alone is above the body, whatever their attributes.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from methods.base import Setting


def has_hidden_layers(setting: Setting) -> bool:
    """Return whether a network has hidden layers between its body and its head."""
    return setting.network == "pretrained" and bool(getattr(setting.network_config, "hidden", ()))


def draws_hidden_layers(network: nn.Module) -> bool:
    """Return whether a network has `body_features` and `hidden` in the sense of this module."""
    return bool(getattr(type(network), "draws_hidden_layers", False))


def drawn_parameters(network: nn.Module) -> set[nn.Parameter]:
    """Return the parameters of the head and of the hidden layers before it."""
    layers = [network.get_submodule("head")]
    if draws_hidden_layers(network):
        layers.append(network.get_submodule("hidden"))
    return {parameter for layer in layers for parameter in layer.parameters()}


def body_features(network: nn.Module, x: Tensor) -> Tensor:
    """Return the features [B, D] of examples that the body returns, before hidden layers."""
    own = getattr(network, "body_features" if draws_hidden_layers(network) else "features")
    return cast(Callable[[Tensor], Tensor], own)(x)


def score_features(network: nn.Module, features_BD: Tensor) -> Tensor:
    """Return the scores [B, C] of features of the body, by the hidden layers and the head."""
    if draws_hidden_layers(network):
        features_BD = network.get_submodule("hidden")(features_BD)
    return cast(Tensor, network.get_submodule("head")(features_BD))

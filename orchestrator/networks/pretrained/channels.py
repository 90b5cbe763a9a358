"""Weights that fit a body for images of another number of channels than `input.mean` has values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn

from orchestrator.errors import RepertoireError, WrongData
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.pretrained.fitting import load_weights
from orchestrator.networks.zoo_network import ZOO_ERRORS
from orchestrator.seeding import seed_global_generators

CHANNELS = (1, 3)  # of usual images


class WrongChannels(WrongData):
    """The weights are of a body for images of another number of channels."""


def draw_body(backbone: Backbone, shape: NetworkShape) -> nn.Module:
    """Return a body for images of a shape, its weights drawn, which are to be replaced."""
    # Nothing else may depend on what is drawn.
    with seed_global_generators(0):
        return backbone.build(shape)


def require_channels(
    backbone: Backbone, shape: NetworkShape, tensors: Mapping[str, Tensor], file: str
) -> None:
    """Raise if weights that do not fit a body would with another number of channels.

    Args:
        backbone: of the body.
        shape: of the images that the body is given, with the mean and std of the input rule.
        tensors: the weights by name.
        file: that the weights are from.

    Raises:
        WrongChannels: they would.
    """
    given, *size = shape.input_shape
    for channels in (each for each in CHANNELS if each != given):
        values = (0.5,) * channels
        other = replace(shape, input_shape=(channels, *size), mean=values, std=values)
        try:
            load_weights(draw_body(backbone, other), tensors, file, backbone.title)
        except (*ZOO_ERRORS, RepertoireError):
            continue
        raise WrongChannels(
            f"has {given} values, and {backbone.title} with {file} takes {channels}-channel "
            "images; give as many values of mean and std"
        )

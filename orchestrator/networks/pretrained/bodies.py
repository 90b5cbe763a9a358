"""Bodies with their weights, built once in a process, and what a body does with an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from orchestrator.errors import RepertoireError
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.pretrained.fitting import load_weights
from orchestrator.networks.pretrained.input_rule import Input, Preparation
from orchestrator.networks.pretrained.weights import Weights, read_tensors
from orchestrator.networks.zoo_network import FAILURES
from orchestrator.seeding import seed_global_generators

CACHED = 4  # bodies of a process


@dataclass(frozen=True)
class BodySpec:
    """All that a body and its features depend on.

    Attributes:
        rule: how images reach it.
        shape: of the images as the data has them.
    """

    backbone: Backbone
    weights: Weights
    rule: Input
    shape: NetworkShape


@dataclass(frozen=True)
class BodyFacts:
    """What a body is and takes.

    Attributes:
        num_features: of an image, F.
        num_bytes: of its parameters and buffers.
        flops: of an image.
    """

    num_features: int
    num_bytes: int
    flops: int


class FrozenBody:
    """A body that is not trained: in evaluation mode, without gradients of its own parameters.

    It is no module, so that it is part of neither a network's state nor its parameters, whatever
    mode the network is in. Copies of a network share it.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval().requires_grad_(False)

    def __deepcopy__(self, memo: object) -> FrozenBody:
        return self

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the output of the body, which follows its input to its device."""
        first = next(self.module.parameters(), None)
        if first is not None and first.device != pixels.device:
            self.module.to(pixels.device)
        return self.module(pixels)  # type: ignore[no-any-return]


@lru_cache(maxsize=CACHED)
def load_body(spec: BodySpec) -> nn.Module:
    """Return a body with its weights, frozen; all who ask for it share it.

    Raises:
        RepertoireError: it cannot be built, or the weights do not fit.
    """
    rule = spec.rule
    shape = replace(spec.shape, input_shape=rule.shape, mean=rule.mean, std=rule.std)
    # What is drawn here is replaced, so nothing else may depend on it.
    with seed_global_generators(0):
        body = spec.backbone.build(shape)
    tensors = read_tensors(Path(spec.weights.file))
    load_weights(body, tensors, spec.weights.file, spec.backbone.title)
    return body.eval().requires_grad_(False)


@lru_cache(maxsize=64)
def body_facts(spec: BodySpec) -> BodyFacts:
    """Return what a body is and takes, from one image.

    Raises:
        RepertoireError: it cannot be built, its weights do not fit, or it takes no such images.
    """
    size = "x".join(map(str, spec.rule.size))
    try:
        body = load_body(spec)
        image = torch.zeros((1, *spec.shape.input_shape), dtype=torch.uint8)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            features = body(Preparation(spec.rule)(image))
        if not isinstance(features, Tensor):
            raise TypeError(f"it returns {type(features).__name__}, no tensor of features")
    except FAILURES as error:
        reason = str(error).partition("\n")[0]
        raise RepertoireError(
            f"{spec.backbone.title} cannot take images of {size} pixels: {reason}; give "
            "input.size the size that it was trained on"
        ) from error
    return BodyFacts(features.flatten(1).shape[1], module_bytes(body), counter.get_total_flops())


def module_bytes(module: nn.Module) -> int:
    """Return the bytes of the parameters and buffers of a module."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

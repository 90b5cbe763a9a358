"""Bodies with their weights, built once in a process, and what a body does with an image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from orchestrator.errors import RepertoireError, WrongData
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.pretrained.channels import draw_body, require_channels
from orchestrator.networks.pretrained.fitting import load_weights
from orchestrator.networks.pretrained.input_rule import Input, Preparation
from orchestrator.networks.pretrained.patches import Size, has_patch, usual_sizes
from orchestrator.networks.pretrained.weights import Weights, read_tensors
from orchestrator.networks.zoo import ZOOS
from orchestrator.networks.zoo_network import ZOO_ERRORS
from orchestrator.seeding import seed_global_generators

CACHED = 4  # bodies of a process
# Greatest difference, as a share of the features, that kernels make between batches.
MIXTURE = 1e-4


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
        is_random: whether it gives the same images other features each time, in evaluation mode.
        mixes_images: whether the features of an image depend on the others of its batch, there.
    """

    num_features: int
    num_bytes: int
    flops: int
    is_random: bool
    mixes_images: bool


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
    """Return a body with its weights, frozen; every caller gets the same object.

    Raises:
        RepertoireError: it cannot be built, or the weights do not fit.
    """
    rule = spec.rule
    shape = replace(spec.shape, input_shape=rule.shape, mean=rule.mean, std=rule.std)
    try:
        body = draw_body(spec.backbone, shape)
    except ZOO_ERRORS as error:
        raise RepertoireError(_cannot_take(spec, error)) from error
    # Before the weights, whose positions would seem to be those of another network.
    if spec.backbone.kind in ZOOS and not has_patch(body, rule.size):
        raise RepertoireError(_cannot_take(spec, "they are smaller than a patch"))
    tensors = read_tensors(Path(spec.weights.file))
    try:
        load_weights(body, tensors, spec.weights.file, spec.backbone.title)
    except WrongData:
        require_channels(spec.backbone, shape, tensors, spec.weights.file)
        raise
    return body.eval().requires_grad_(False)


@lru_cache(maxsize=64)
def body_facts(spec: BodySpec) -> BodyFacts:
    """Return the facts of a body, measured with two images.

    Raises:
        RepertoireError: it cannot be built, its weights do not fit, it takes no such images, or
            what it returns are no features.
    """
    body = load_body(spec)
    # Two images, so that a body that mixes images is known; no constant ones, whose features may
    # be undefined where they are normalised.
    drawn = torch.Generator().manual_seed(0)
    images = torch.randint(256, (2, *spec.shape.input_shape), generator=drawn).to(torch.uint8)
    try:
        pixels = Preparation(spec.rule)(images)
        with seed_global_generators(0), torch.no_grad():
            with FlopCounterMode(display=False) as counter:
                features = body(pixels)
            again = body(pixels)
            beside_itself = body(pixels[[0, 0]])
    except ZOO_ERRORS as error:
        raise RepertoireError(_cannot_take(spec, error)) from error
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise RepertoireError(f"{spec.backbone.title} raised {reason}") from error
    _require_features(spec, features)
    size = features.flatten(1).shape[1]
    flops = counter.get_total_flops() // len(images)
    return BodyFacts(
        num_features=size,
        num_bytes=module_bytes(body),
        flops=flops,
        is_random=not torch.equal(features, again),
        mixes_images=_have_different_values(features[0], beside_itself[0]),
    )


def _have_different_values(one: Tensor, other: Tensor) -> bool:
    """Return whether features differ by more than the order of sums in a kernel explains."""
    return bool((one - other).abs().max() > MIXTURE * one.abs().max())


def _require_features(spec: BodySpec, features: object) -> None:
    """Raise unless features are those of two images: a tensor [2, ...] of finite numbers."""
    name = spec.backbone.title
    if not isinstance(features, Tensor):
        raise RepertoireError(f"{name} returns {type(features).__name__}, no tensor of features")
    rows = len(features) if features.dim() > 1 and features.numel() else 0
    if rows != 2 or features.dtype != torch.float32:
        kind = f"{features.dtype} {list(features.shape)}".removeprefix("torch.")
        raise RepertoireError(f"{name} returns {kind} for 2 images; it must return float32 [2, F]")
    if not features.isfinite().all():
        raise RepertoireError(
            f"{name} with {spec.weights.file} returns features that are not finite"
        )


def _cannot_take(spec: BodySpec, error: Exception | str) -> str:
    """Return the message of a body that cannot take the images that its input rule prepares."""
    given, reason = _format(spec.rule.size), str(error).partition("\n")[0]
    patch, trained = usual_sizes(spec.backbone)
    cut = f", which it cuts into patches of {_format(patch)}" if patch else ""
    size = f"size ({_format(trained)})" if trained else "size"
    return (
        f"{spec.backbone.title} cannot take images of {given} pixels and {len(spec.rule.mean)} "
        f"channels{cut}: {reason}; give input the {size}, mean and std that it was trained with"
    )


def _format(size: Size) -> str:
    return "x".join(map(str, size))


def module_bytes(module: nn.Module) -> int:
    """Return the bytes of the parameters and buffers of a module."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

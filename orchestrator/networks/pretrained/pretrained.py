"""A network that begins from pretrained weights: a body, frozen or trained on, and a new head."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from methods.base import neutral
from orchestrator.errors import MissingData, RepertoireError, WrongData
from orchestrator.networks.base import Network, NetworkConfig, NetworkShape, image_objection
from orchestrator.networks.mlp import hidden_layers
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.pretrained.bodies import (
    BodySpec,
    FrozenBody,
    body_facts,
    load_body,
    module_bytes,
)
from orchestrator.networks.pretrained.channels import WrongChannels
from orchestrator.networks.pretrained.input_rule import InputRule, Preparation
from orchestrator.networks.pretrained.local_weights import find_default_weights
from orchestrator.networks.pretrained.weights import Weights

NAME = "pretrained"
DEFAULT = "default"  # weights: those of the library
Train = Literal["none", "head", "adapters", "all"]

# Backbones and weights of the sweeps of this process, by the names that stand for them there.
BACKBONES: dict[str, Backbone] = {}
WEIGHTS: dict[str, Weights] = {}


class Pretrained(Network):
    """A body with pretrained weights, and a new head.

    Unless all is trained, the body stays in evaluation mode, gets no gradient and is no part of the
    state: it is read from its file wherever it is needed. `features` then has gradients for what a
    method puts into the body only with `train: adapters`.

    Attributes:
        draws_hidden_layers: that `hidden` are layers drawn with the head, above `body_features`.
    """

    draws_hidden_layers: ClassVar[bool] = True

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """The body, its weights, what is trained, and how images reach it.

        Attributes:
            backbone: {timm: NAME}, {torchvision: NAME}, {module: "module:function"}, or a network
                of the table with its hyperparameters.
            weights: a file of tensors, or "default": those of the library, if they are on this
                machine.
            train: "none", the "head", the head and what a method adds ("adapters"), or "all".
            input: how images reach the body.
            hidden: widths of fully connected layers with ReLU between the body and the head.
        """

        backbone: Any = None
        weights: Any = None
        train: Train = "head"
        input: InputRule = field(default_factory=InputRule)
        hidden: tuple[int, ...] = neutral(())

        def __post_init__(self) -> None:
            mistakes = [f"input.{line}" for line in self.input.find_mistakes()]
            mistakes += self._resolve()
            if any(width < 1 for width in self.hidden):
                mistakes.append(f"hidden: {list(self.hidden)} must be whole numbers of at least 1")
            if self.hidden and self.train == "none":
                mistakes.append("hidden: layers that are drawn must learn, and train is none")
            if mistakes:
                raise ValueError("\n".join(mistakes))

        def _resolve(self) -> Iterator[str]:
            """Replace the names that stand for a backbone and for weights; yield what is wrong."""
            for name, known in (("backbone", BACKBONES), ("weights", WEIGHTS)):
                value = getattr(self, name)
                if isinstance(value, str) and value in known:
                    object.__setattr__(self, name, known[value])
            if self.weights == DEFAULT and isinstance(self.backbone, Backbone):
                try:
                    object.__setattr__(self, "weights", find_default_weights(self.backbone))
                except RepertoireError as error:
                    yield f"weights: {error}"

        @property
        def is_frozen(self) -> bool:
            """Whether the body is not trained."""
            return self.train != "all"

        def body_spec(self, shape: NetworkShape) -> BodySpec:
            """Return all that the body depends on, for images of a shape."""
            rule = self.input.resolve(shape, of_data=self.backbone.kind == "network")
            return BodySpec(self.backbone, self.weights, rule, shape)

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return an objection if the body cannot take the input, else None."""
        if not isinstance(config.backbone, Backbone):
            return "backbone: is missing; valid: {timm: NAME}, {torchvision: NAME}, {module: ...}"
        if not isinstance(config.weights, Weights):
            return "weights: is missing; give a file of weights, or default"
        if objection := image_objection(shape):
            return objection.replace("; use mlp", ", which no pretrained body takes; use mlp")
        channels, needed = shape.input_shape[0], len(config.body_spec(shape).rule.mean)
        if channels not in (1, needed):
            return f"input: takes images of {needed} channels, and the data has {channels}"
        try:
            facts = body_facts(config.body_spec(shape))
        except RepertoireError as error:
            return f"{_place_of(error)}: {error}"
        if config.is_frozen and facts.is_random:
            return (
                f"backbone: {config.backbone.title} gives the same images other features each time "
                "it is called, in evaluation mode, as if it drew random numbers; a body that is "
                "frozen must give the same: draw only where self.training, or give train: all"
            )
        if config.is_frozen and facts.mixes_images:
            return (
                f"backbone: {config.backbone.title} gives an image other features beside other "
                "images, in evaluation mode, as batch normalisation without running statistics "
                "does; a body that is frozen must take each image by itself, or give train: all"
            )
        return None

    config: Config

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        spec = config.body_spec(shape)
        self.normalise = Preparation(spec.rule)
        shared = load_body(spec)
        # What a method puts into a body must not reach another network of this process.
        body = shared if config.train in ("none", "head") else copy.deepcopy(shared)
        self.frozen: FrozenBody | None = FrozenBody(body) if config.is_frozen else None
        if not config.is_frozen:
            self.body = body.requires_grad_(True).train()
        widths = (body_facts(spec).num_features, *config.hidden)
        self.hidden = nn.Sequential(*hidden_layers(widths))
        self.head = self.create_head(widths[-1])
        if config.train == "none":
            self.head.requires_grad_(False)

    @property
    def body(self) -> nn.Module:
        """The body; a module of this network only if it is trained."""
        # Not `get_submodule`, which asks for this property.
        return cast(nn.Module, self._modules["body"] if self.frozen is None else self.frozen.module)

    @body.setter
    def body(self, module: nn.Module) -> None:
        self._modules["body"] = module

    @property
    def frozen_bytes(self) -> int:
        """The bytes of the body, if it is frozen and so no part of the state."""
        return 0 if self.frozen is None else module_bytes(self.frozen.module)

    def features(self, x: Tensor) -> Tensor:
        """Return the features [B, F] of images, those of the last hidden layer if there are any."""
        return self.hidden(self.body_features(x))  # type: ignore[no-any-return]

    def body_features(self, x: Tensor) -> Tensor:
        """Return the features [B, D] of images that the body returns, before hidden layers."""
        plain = self.config.train in ("none", "head")
        with torch.no_grad() if plain else nullcontext():
            pixels = self.normalise(x)
            body = self.body if self.frozen is None else self.frozen
            return body(pixels).flatten(1)


def _place_of(error: RepertoireError) -> str:
    """Return the field that an error of a body is about."""
    if isinstance(error, WrongChannels):
        return "input.mean"
    # A file that is cut off or empty is missing data.
    return "weights" if isinstance(error, (MissingData, WrongData)) else "backbone"

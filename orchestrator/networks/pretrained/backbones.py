"""Backbones: the bodies that pretrained weights go into, as a sweep names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from methods.base import neutral
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.networks.base import Network, NetworkShape
from orchestrator.networks.zoo import ZOOS, TimmNetwork, detach_output_layer, import_timm

BackboneKind = Literal["timm", "torchvision", "module", "network"]
# Of torchvision, whose weights were trained on pixels in [-1, 1]. With weights its builders let
# them scale images that are normalised by ImageNet's mean and std.
SCALING = ("googlenet", "inception_v3")


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """An architecture without its weights and without its output layer.

    Attributes:
        kind: "timm" and "torchvision": an architecture of the library; "module": what a function
            of the user's own returns; "network": the body of a network of the table.
        name: of the architecture, of the function (`module:function`), or of the network.
        config: hyperparameters of a network of the table.
        code: identifies the code of the function, or of the network of the table.
        scales_input: whether the body brings pixels normalised by ImageNet's mean and std to
            [-1, 1], as torchvision's Inception networks do with weights.
        source: the user's own code, which defines the function unless it is installed.
        load: returns the function, or the class of the network.
    """

    kind: BackboneKind
    name: str
    config: Any = neutral(None)  # noqa: RUF009 - a field
    code: str | None = neutral(None)
    scales_input: bool = field(init=False, default=False, metadata={"neutral": False})
    source: Any = field(default=None, metadata={"internal": True}, compare=False, repr=False)
    load: Callable[[], Any] = field(
        default=lambda: None, metadata={"internal": True}, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        scales = self.kind == "torchvision" and self.name in SCALING
        object.__setattr__(self, "scales_input", scales)

    @property
    def title(self) -> str:
        """The name, with the library for an architecture of one."""
        return f"{self.kind}:{self.name}" if self.kind in ZOOS else self.name

    def require_known(self) -> None:
        """Raise unless the library is installed and has the architecture, and timm the tag.

        Raises:
            UnknownName: it has no such architecture, or no weights with this tag.
            RepertoireError: it is not installed.
        """
        if self.kind not in ZOOS:
            return
        known = ZOOS[self.kind].architectures()
        architecture, dot, _tag = self.name.partition(".")
        if self.kind == "timm" and dot and architecture in known:
            known = TimmNetwork.tagged(architecture)
        if self.name not in known:
            raise UnknownName(f"backbone of {self.kind}", self.name, known)

    def build(self, shape: NetworkShape) -> nn.Module:
        """Return the body, its weights drawn, for normalised images of a shape [B, c, h, w].

        Raises:
            RepertoireError: a function of the user's own fails, or returns no module; an
            architecture has no linear output layer in whose place features are.
        """
        if self.kind == "timm":
            return _build_timm(self.name, shape.input_shape)
        if self.kind == "torchvision":
            # As the builders have it with weights, in whose place drawn ones need not be good.
            scaling = {"transform_input": True, "init_weights": False}
            options = scaling if self.scales_input else {}
            return _build_torchvision(self.name, shape.input_shape, options)
        if self.kind == "module":
            return _build_own(self.name, self.load())
        network: type[Network] = self.load()
        return network(self.config, shape).body


def _build_timm(name: str, input_shape: tuple[int, ...]) -> nn.Module:
    channels, *size = input_shape
    create = import_timm().create_model
    options = {"pretrained": False, "num_classes": 0, "in_chans": channels}
    try:
        body: nn.Module = create(name, img_size=tuple(size), **options)
    except TypeError:  # convolutional networks take images of any size
        body = create(name, **options)
    return body


def _build_torchvision(
    name: str, input_shape: tuple[int, ...], given: dict[str, bool]
) -> nn.Module:
    options: dict[str, Any] = {**given}
    # Networks whose positions are learned for images of one size.
    if name.startswith("vit_"):
        options["image_size"] = input_shape[1]
    if name.startswith("maxvit"):
        options["input_size"] = input_shape[1:]
    body: nn.Module = import_torchvision().models.get_model(name, weights=None, **options)
    try:
        detach_output_layer(body)
    except ValueError as error:
        raise RepertoireError(f"torchvision:{name} is no body of features: {error}") from error
    return body


def _build_own(name: str, function: Callable[[], Any]) -> nn.Module:
    try:
        body = function()
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise RepertoireError(f"{name} raised {type(error).__name__}: {error}") from error
    if not isinstance(body, nn.Module):
        raise RepertoireError(
            f"{name} returns {type(body).__name__}; it must take nothing and return a "
            "torch.nn.Module that turns normalised images [B, c, h, w] into features"
        )
    return body

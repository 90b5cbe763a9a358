"""The base class of networks: examples in, one score per output of the head out.

Examples are uint8 images [B, c, h, w], or float32 features [B, d] where the input shape is (d,).

Shape legend: B examples, c channels, h rows, w columns, d features of the data, F features of the
network, C outputs of the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from orchestrator.networks.heads import HeadKind, create_head
from orchestrator.networks.normalise import Normalise


@dataclass(frozen=True)
class NetworkShape:
    """Shape of a network: its input, its outputs, and how the input is normalised.

    Attributes:
        input_shape: (channels, rows, columns) of images, or (d,) of features.
        mean, std: of pixels in [0, 1], per channel; (0,) and (1,) for features, which come
            standardised.
    """

    input_shape: tuple[int, ...]
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A network's hyperparameters: frozen, keyword-only, ranges checked in `__post_init__`.

    Attributes:
        head: the kind of the head, which `Network.create_head` returns: "linear" or "cosine".
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    head: HeadKind = field(default="linear", metadata={"neutral": "linear"})


class Network(nn.Module):
    """A body that turns examples into features, and a head that scores the classes.

    A subclass sets `body` and `head` in its constructor, the latter to `create_head(...)`.

    Attributes:
        version: raised by hand when the same seed gives other weights or other outputs.
        fusible: whether siblings can be trained as one batched program: all layers with parameters
            are plain linear ones, and the others treat each example by itself. Not inherited.
    """

    Config: ClassVar[type[NetworkConfig]] = NetworkConfig
    version: ClassVar[int] = 1
    fusible: ClassVar[bool] = False
    body: nn.Module
    head: nn.Linear

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return an objection to such input, "field: reason", or None if the network takes it."""
        return None

    def __init__(self, config: NetworkConfig, shape: NetworkShape) -> None:
        super().__init__()
        self.config = config
        self.shape = shape
        self.normalise = Normalise(shape.mean, shape.std, len(shape.input_shape) - 1)

    def create_head(self, num_features: int) -> nn.Linear:
        """Return a new head of the configuration's kind for features [B, F]."""
        # A Config of a user's own need not have the field.
        kind: HeadKind = getattr(self.config, "head", "linear")
        return create_head(kind, num_features, self.shape.num_classes)

    def fresh(self) -> Network:
        """Return a network of the same shape with newly drawn weights, for `reinitialise`."""
        return type(self)(self.config, self.shape)

    def features(self, x: Tensor) -> Tensor:
        """Return the features [B, F] of examples."""
        return self.body(self.normalise(x)).flatten(1)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of examples."""
        return self.head(self.features(x))  # type: ignore[no-any-return]


def require_positive(name: str, value: int | tuple[int, ...]) -> None:
    """Raise ValueError unless the value of a field, or each of its values, is at least 1."""
    if isinstance(value, tuple):
        values, given, kind = value, str([*value]), "whole numbers"
    else:
        values, given, kind = (value,), str(value), "a whole number"
    if any(each < 1 for each in values):
        raise ValueError(f"{name}: {given} must be {kind} of at least 1")


def image_objection(shape: NetworkShape) -> str | None:
    """Return an objection if an input is no image, else None."""
    if len(shape.input_shape) == 3:
        return None
    return f"name: needs images, and the data has {shape.input_shape[0]} features; use mlp"

"""Untrained networks of torchvision and timm by name: `torchvision:resnet50`, `timm:mixnet_s`.

Their definitions belong to the installed version of the library, which is not part of a key.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.networks.base import Network, NetworkShape
from orchestrator.networks.zoo_network import ZooNetwork


class TorchvisionNetwork(ZooNetwork):
    """An architecture of torchvision, untrained.

    Grey images are repeated to the three channels that these networks take.
    """

    @classmethod
    def architectures(cls) -> list[str]:
        """Return the names of torchvision's classifiers."""
        models = import_torchvision().models
        return list(models.list_models(module=models))

    def __init__(self, config: ZooNetwork.Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        if shape.input_shape[0] not in (1, 3):
            raise ValueError("its images have 1 or 3 channels")
        options: dict[str, Any] = {"num_classes": shape.num_classes}
        # Networks whose positions are learned for images of one size.
        if self.architecture.startswith("vit_"):
            options["image_size"] = shape.input_shape[1]
        if self.architecture.startswith("maxvit"):
            options["input_size"] = shape.input_shape[1:]
        self.body = import_torchvision().models.get_model(
            self.architecture, weights=None, **options
        )
        linear = detach_output_layer(self.body)
        keeps = config.head == "linear"
        self.head = linear if keeps else self.create_head(linear.in_features)

    def features(self, x: Tensor) -> Tensor:
        """Return the features [B, F] of images."""
        pixels = self.normalise(x)
        if pixels.shape[1] == 1:
            pixels = pixels.expand(-1, 3, -1, -1)
        return self.body(pixels).flatten(1)  # type: ignore[no-any-return]


class TimmNetwork(ZooNetwork):
    """An architecture of timm, untrained; needs the package timm."""

    @classmethod
    def architectures(cls) -> list[str]:
        """Return the names of timm's classifiers."""
        return list(import_timm().list_models())

    @classmethod
    def tagged(cls, architecture: str) -> list[str]:
        """Return the names of an architecture: plain, and with the tag of each of its weights."""
        weights = import_timm().models.get_arch_pretrained_cfgs(architecture)
        return [architecture, *(name for name in weights if name != architecture)]

    def __init__(self, config: ZooNetwork.Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        create = import_timm().create_model
        channels, *size = shape.input_shape
        options = {"pretrained": False, "num_classes": 0, "in_chans": channels}
        try:
            self.body = create(self.architecture, img_size=tuple(size), **options)
        except TypeError:  # convolutional networks take images of any size
            self.body = create(self.architecture, **options)
        body: Any = self.body
        self.head = self.create_head(getattr(body, "head_hidden_size", body.num_features))


ZOOS: dict[str, type[ZooNetwork]] = {"torchvision": TorchvisionNetwork, "timm": TimmNetwork}


def is_zoo_name(name: str) -> bool:
    """Return whether a name has the form `torchvision:NAME` or `timm:NAME`."""
    return name.partition(":")[0] in ZOOS and ":" in name


@cache
def find_zoo_class(name: str) -> type[Network]:
    """Return the class of a network of a library.

    Raises:
        UnknownName: the library has no such architecture.
        RepertoireError: the library is not installed.
    """
    library, _, architecture = name.partition(":")
    base = ZOOS[library]
    known = base.architectures()
    if architecture not in known:
        raise UnknownName("network", name, [f"{library}:{each}" for each in known])
    members = {"architecture": architecture, "__doc__": base.__doc__, "__module__": __name__}
    return type(base.__name__, (base,), members)


def import_timm() -> Any:
    """Return the package timm.

    Raises:
        RepertoireError: it is not installed.
    """
    try:
        import_torchvision()  # which timm imports
        return import_module("timm")
    except ImportError as error:
        raise RepertoireError(
            "networks of timm need the package timm, which is not installed: "
            "pip install 'repertoire-cl[timm]'"
        ) from error


def detach_output_layer(network: nn.Module) -> nn.Linear:
    """Return the last linear layer of a network, and put the identity in its place.

    Raises:
        ValueError: the network has no linear layer.
    """
    linear = [name for name, m in network.named_modules() if type(m) is nn.Linear]
    if not linear:
        raise ValueError("its output layer is not linear")
    parent, _, name = linear[-1].rpartition(".")
    layer: nn.Linear = network.get_submodule(linear[-1])  # type: ignore[assignment]
    setattr(network.get_submodule(parent), name, nn.Identity())
    return layer

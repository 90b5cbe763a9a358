"""The patches that a network of a library cuts images into, and the size it was trained on."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.zoo import ZOOS, import_timm
from orchestrator.networks.zoo_network import ZOO_ERRORS

Size = tuple[int, int]  # rows and columns
PARTS = ("patch_embed", "stem")  # of timm's networks, one of which cuts the patches


def patch_size(body: nn.Module) -> Size | None:
    """Return the size of the patches of a network of timm or torchvision; None: it has none."""
    candidates = (getattr(body, part, None) for part in PARTS)
    sizes = (getattr(each, "patch_size", None) for each in (body, *candidates))
    size = next((size for size in sizes if size is not None), None)
    if isinstance(size, int):
        return size, size
    return (size[0], size[1]) if isinstance(size, tuple) else None


def has_patch(body: nn.Module, size: Size) -> bool:
    """Return whether images of a size have at least one patch, if the network cuts patches."""
    patch = patch_size(body)
    return patch is None or (size[0] >= patch[0] and size[1] >= patch[1])


def usual_sizes(backbone: Backbone) -> tuple[Size | None, Size | None]:
    """Return the size of patches, and that of the images that default weights were trained on.

    Either is None where the library does not say it, and both for a backbone of no library.
    """
    if backbone.kind not in ZOOS:
        return None, None
    create, size = _timm(backbone.name) if backbone.kind == "timm" else _torchvision(backbone.name)
    try:
        with torch.device("meta"):  # its layers without memory for their weights
            return patch_size(create(backbone.name)), size
    except ZOO_ERRORS:
        return None, size


def _timm(name: str) -> tuple[Any, Size]:
    """Return the function that creates networks of timm, and the size of images of one."""
    timm = import_timm()
    _, rows, columns = timm.models.get_pretrained_cfg(name).input_size
    return timm.create_model, (rows, columns)


def _torchvision(name: str) -> tuple[Any, Size]:
    """Return the function that creates networks of torchvision, and the size of images of one."""
    models = import_torchvision().models
    (side,) = models.get_model_weights(name).DEFAULT.transforms().crop_size
    return models.get_model, (side, side)

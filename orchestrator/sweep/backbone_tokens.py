"""Whether a backbone of a library has the tokens that a method needs, known without its weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from methods.parts.tokens import NEEDED, has_tokens
from orchestrator.errors import RepertoireError
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.pretrained.backbones import Backbone, BackboneKind
from orchestrator.networks.pretrained.pretrained import BACKBONES
from orchestrator.networks.zoo import ZOOS
from orchestrator.networks.zoo_network import ZOO_ERRORS
from orchestrator.stages.code.components import Component

# What architectures are built for here; whether they have tokens does not depend on it.
ANY_IMAGES = NetworkShape((3, 224, 224), 2, (0.5,) * 3, (0.5,) * 3)


def tokens_objection(backbone: Any, method: Component) -> str | None:
    """Return the reason that a method refuses a backbone of a library, whatever its weights.

    Args:
        backbone: of a pretrained network; other values, such as None, give no objection.
        method: the method.
    """
    if not method.cls.needs_tokens or not isinstance(backbone, Backbone):
        return None
    if backbone.kind not in ZOOS or _may_have_tokens(backbone.kind, backbone.name):
        return None
    return f"{method.name} needs {NEEDED}; given {backbone.title}, which has no tokens"


def named_backbone(network: Mapping[str, Any]) -> Backbone | None:
    """Return the backbone of a section `network` that has mistakes, or None if it is one."""
    name = network.get("backbone")
    return BACKBONES.get(name) if isinstance(name, str) else None


@cache
def _may_have_tokens(kind: BackboneKind, name: str) -> bool:
    try:
        with torch.device("meta"):  # its layers without memory for their weights
            return has_tokens(Backbone(kind=kind, name=name).build(ANY_IMAGES))
    except (*ZOO_ERRORS, RepertoireError):  # said when it is built with its weights
        return True

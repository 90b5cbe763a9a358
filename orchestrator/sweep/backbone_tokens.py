"""Whether a backbone has the tokens that a method needs, known by its name without its weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from methods.parts.tokens import NEEDED, NO_TOKENS, has_tokens
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
    """Return the reason that a method refuses a backbone by its name, whatever its weights.

    Args:
        backbone: of a pretrained network; other values, such as None, give no objection.
        method: the method.
    """
    if not method.cls.needs_tokens or not isinstance(backbone, Backbone):
        return None
    if not _lacks_tokens(backbone):
        return None
    return f"{method.name} needs {NEEDED}; given {backbone.title}, which has no tokens"


def named_backbone(network: Mapping[str, Any]) -> Backbone | None:
    """Return the backbone of a section `network` that has mistakes, or None if it is one."""
    name = network.get("backbone")
    return BACKBONES.get(name) if isinstance(name, str) else None


def _lacks_tokens(backbone: Backbone) -> bool:
    """Return whether a backbone of a library or of the table is known to have no tokens."""
    if backbone.kind in ZOOS:
        return not _may_have_tokens(backbone.kind, backbone.name)
    return backbone.kind == "network" and backbone.name in NO_TOKENS


@cache
def _may_have_tokens(kind: BackboneKind, name: str) -> bool:
    try:
        with torch.device("meta"):  # its layers without memory for their weights
            return has_tokens(Backbone(kind=kind, name=name).build(ANY_IMAGES))
    except (*ZOO_ERRORS, RepertoireError):  # said when it is built with its weights
        return True

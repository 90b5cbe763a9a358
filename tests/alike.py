"""Methods by what they have in common, for tests that go through all of them."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from _pytest.mark.structures import ParameterSet

from methods import METHODS
from orchestrator.networks.mlp import MLP
from orchestrator.networks.vit import ViTTiny
from orchestrator.stages.code.components import Component, create_component

# Of each family, `make test` goes through the first; the golden numbers hold all.
ALIKE = {
    "cumulative": "joint",
    "independent": "joint",
    "freeze": "finetune",
    "knn": "ncm",
    "l2": "ewc",
    "mas": "ewc",
    "rwalk": "si",
    "derpp": "der",
    "agem": "gem",
    "progress_compress": "ewc",
    "er_ace": "er",
    "mir": "er",
    "lucir": "icarl",
    "wa": "icarl",
    "podnet": "icarl",
    "slda": "ncm",
    "ranpac": "ncm",
    "fecam": "ncm",
    "shrink_perturb": "finetune",
    "continual_backprop": "finetune",
    "slca": "finetune",
    "memo": "der_expand",
    "coda_prompt": "l2p",
    "lora": "l2p",
}
# Options of methods whose defaults are large, for tests that hold at any size.
SMALL: dict[str, dict[str, object]] = {
    "generative_replay": {"hidden": (24,), "latent_size": 4},
    "bic": {"correction_epochs": 5},
    "ranpac": {"projection": 24},
}
# Methods that take transformers alone, and a small one for 8x8 images.
NEED_TOKENS = frozenset(name for name, cls in METHODS.items() if cls.needs_tokens)
VIT = {"patch": 4, "width": 8, "depth": 2, "heads": 2, "expansion": 2}
VIT_IN_A_SWEEP = f"{{name: vit_tiny, {', '.join(f'{n}: {v}' for n, v in VIT.items())}}}"


def small_network(name: str, *hidden: int) -> Component:
    """Return the network for a test of a method: an mlp, or a transformer where it needs one."""
    if name in NEED_TOKENS:
        return create_component("network", "vit_tiny", ViTTiny.Config(**VIT))
    return create_component("network", "mlp", MLP.Config(hidden=hidden))


def each_method() -> list[ParameterSet]:
    """Return the methods as cases; those that are like another are left to `make test-storm`."""
    return cases([(name,) for name in METHODS])


def cases(rows: list[tuple[object, ...]], unlike: Collection[str] = ()) -> list[ParameterSet]:
    """Return cases that name a method; a method like another is left to `make test-storm`.

    Args:
        rows: the values of the parameters in each case.
        unlike: methods that are like no other in what is tested.
    """
    variants = ALIKE.keys() - {*unlike}
    return [
        pytest.param(*row, marks=[] if variants.isdisjoint(row) else [pytest.mark.variant])
        for row in rows
    ]

"""The costs of a frozen body in a stage, with images or with features in their place."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from methods.base import Method
from orchestrator.stages.features.feature_inputs import feature_sets
from orchestrator.stages.stage import Stage


def backbone_bytes(stage: Stage, network: nn.Module) -> dict[str, int]:
    """Return the bytes of a frozen body, which is no part of a state; {} without one."""
    size: int = getattr(network, "frozen_bytes", 0)
    # Those of a sequence have one body.
    size += sum(features.body_bytes for features in feature_sets(stage.benchmark)[:1])
    return {"backbone": size} if size else {}


def count_saved_flops(stage: Stage, method: Method) -> Callable[[], int | None]:
    """Count from now on the FLOPs that a body would have spent on what the network is given.

    Returns:
        A function that returns them; None for a stage that learns on no features, or whose network
        is compiled, so that its passes cannot be counted.
    """
    features = feature_sets(stage.benchmark)
    if not features or stage.training.compile:
        return lambda: None
    rows = [0]

    def count(_layer: nn.Module, inputs: tuple[object, ...]) -> None:
        rows[0] += len(inputs[0])  # type: ignore[arg-type]

    # Columns that the state has are made with the method, and each would have a pass of the body;
    # a copy that is made while the task is learned has the hook of what it is a copy of.
    for network in method.modules():
        if isinstance(network, type(method.network)):
            network.get_submodule("body").register_forward_pre_hook(count)
    return lambda: rows[0] * features[0].body_flops

"""Anchors: the methods that a surface of equal means is read against, in every cell.

The section `means` adds those that the sweep does not name: `anchors: true`, or a list of names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import suggest
from orchestrator.stages.code.components import Component
from orchestrator.stages.features.feature_inputs import use_features
from orchestrator.stages.learning.training import Training

EVERYWHERE = ("finetune", "er", "gdumb", "joint")
ON_FEATURES = ("ncm", "knn")  # which train nothing: features that are not learned are their all
ANCHORS = (*EVERYWHERE, *ON_FEATURES)


def anchors_to_add(content: dict[str, Any]) -> list[str]:
    """Return the anchors that the means of a sweep file add; none if they are a mistake.

    Args:
        content: the whole file.
    """
    means, methods = content.get("means"), content.get("methods")
    wanted = means.get("anchors") if isinstance(means, dict) else None
    wanted = ANCHORS if wanted is True else wanted
    if not isinstance(wanted, list | tuple) or not isinstance(methods, list):
        return []
    named = [each.get("name") if isinstance(each, dict) else each for each in methods]
    return [name for name in wanted if name in ANCHORS and name not in named]


def requests_all_anchors(content: dict[str, Any]) -> bool:
    """Return whether the means of a file ask for all anchors that go with its sections."""
    means = content.get("means")
    return isinstance(means, dict) and means.get("anchors") is True


def wrong_anchors(names: Iterable[str]) -> list[str]:
    """Return the mistakes in a list of anchors."""
    where = "means.anchors"
    names = list(names)
    unknown = [name for name in names if name not in ANCHORS]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    return [
        *(f"{where}: unknown anchor {name!r}; {suggest(name, ANCHORS)}" for name in unknown),
        *(f"{where}: {name} is given twice" for name in twice),
    ]


def has_meaning(name: str, benchmark: Benchmark, network: Component, training: Training) -> bool:
    """Return whether an anchor has a meaning: those of features where no body is learned."""
    return name not in ON_FEATURES or trains_output_layer_alone(benchmark, network, training)


def trains_output_layer_alone(benchmark: Benchmark, network: Component, training: Training) -> bool:
    """Return whether a trial trains its output layer alone."""
    _, network = use_features(benchmark, network, training)
    config = network.config
    fixed = network.name == "mlp" or getattr(config, "train", None) in ("none", "head")
    return fixed and not getattr(config, "hidden", ())

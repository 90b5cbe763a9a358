"""The FLOPs of a network for one example, by arithmetic on a step that trains nothing."""

from __future__ import annotations

from typing import NamedTuple

import torch

from methods.base import input_dtype
from orchestrator.hashing import digest
from orchestrator.networks.networks import NetworkShape, build_network
from orchestrator.stages.build_stages import network_shape
from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.stage import Stage

EXAMPLES = 2  # of the step, since batch normalisation takes no single one


class ExampleFlops(NamedTuple):
    """FLOPs to learn one example, and to evaluate it: a forward pass."""

    learned: int
    evaluated: int


# By digest: cells differ in budgets, memories and seeds, which change no example.
_EXAMPLES: dict[str, ExampleFlops] = {}


def example_flops(stage: Stage) -> ExampleFlops:
    """Return the FLOPs of one example in a step of a stage, without what its method adds."""
    shape = network_shape(stage.benchmark)
    content = [stage.network.content(), shape.input_shape, shape.num_classes]
    key = digest("example", content)
    if key not in _EXAMPLES:
        _EXAMPLES[key] = count_example(stage, shape)
    return _EXAMPLES[key]


def count_example(stage: Stage, shape: NetworkShape) -> ExampleFlops:
    """Return the FLOPs of one example by a step on two."""
    network = build_network(stage.network.cls, stage.network.config, shape, stage.seed)
    x = torch.zeros((EXAMPLES, *shape.input_shape), dtype=input_dtype(shape.input_shape))
    with FlopCounter() as forward:
        scores = network(x)
    with FlopCounter() as backward:
        scores.sum().backward()
    return ExampleFlops((forward.total + backward.total) // EXAMPLES, forward.total // EXAMPLES)

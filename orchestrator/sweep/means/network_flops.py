"""The FLOPs of a network for one example, by arithmetic on a step that trains nothing."""

from __future__ import annotations

from typing import NamedTuple

import torch

from methods.base import input_dtype
from orchestrator.stages.build_stages import network_shape
from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method

EXAMPLES = 2  # of the step, since batch normalisation takes no single one


class ExampleFlops(NamedTuple):
    """FLOPs to learn one example, and to evaluate it: a forward pass."""

    learned: int
    evaluated: int


# By the key of the stage: it has a cell for each budget.
_EXAMPLES: dict[str, ExampleFlops] = {}


def example_flops(stage: Stage) -> ExampleFlops:
    """Return the FLOPs of one example in a step of a stage, without what its method adds."""
    if stage.key not in _EXAMPLES:
        _EXAMPLES[stage.key] = count_example(stage)
    return _EXAMPLES[stage.key]


def count_example(stage: Stage) -> ExampleFlops:
    """Return the FLOPs of one example by a step on two."""
    method, shape = build_method(stage, None, stage.after - 1), network_shape(stage.benchmark)
    x = torch.zeros((EXAMPLES, *shape.input_shape), dtype=input_dtype(shape.input_shape))
    with FlopCounter() as forward:
        scores = method.network(x)
    with FlopCounter() as backward:
        scores.sum().backward()
    return ExampleFlops((forward.total + backward.total) // EXAMPLES, forward.total // EXAMPLES)

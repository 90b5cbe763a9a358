"""What a state carries, it carries once: no tensor equals another, or one of the network."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
import torch
from test_conformance import SMALL

from methods import METHODS
from methods.ewc import EWC
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots

# `make test` goes through one scenario of each method, which has all that the method carries.
CASES = [
    pytest.param(name, scenario, marks=[pytest.mark.variant] if number else [])
    for name, cls in METHODS.items()
    for number, scenario in enumerate(sorted(cls.scenarios))
]


def parts(state):
    """Yield (name, tensor) and (name[i], row i) of all that is not one value throughout.

    Counters, an untrained bias, statistics of no batch and masks that leave nothing out have one
    value; that two of them are equal says nothing of a copy.
    """
    for name, tensor in state.items():
        rows = [(f"{name}[{i}]", row) for i, row in enumerate(tensor)] if tensor.dim() > 1 else []
        for part, values in ((name, tensor), *rows):
            if values.numel() and bool((values != values.flatten()[0]).any()):
                yield part, values


def copies(state):
    """Return the names of equal tensors, in type, shape and bits; rows of one tensor may be."""
    alike = defaultdict(list)
    for name, values in parts(state):
        alike[values.dtype, values.shape, values.numpy().tobytes()].append(name)
    groups = [names for names in alike.values() if len({n.partition("[")[0] for n in names}) > 1]
    return [names for names in groups if any("[" not in name for name in names)]


@pytest.mark.parametrize(("name", "scenario"), CASES)
def test_no_method_carries_a_tensor_twice(name, scenario):
    cls = METHODS[name]
    blobs = Blobs(cls, SMALL.get(name, cls.Config()), scenario, epochs=1)
    blobs = replace(blobs, config=cls.with_defaults(blobs.config, blobs.setting("mlp")))
    for snapshot in snapshots(blobs):
        assert copies(snapshot.state) == [], f"after task {snapshot.after}"


@pytest.mark.parametrize("scenario", sorted(EWC.scenarios))
def test_neither_does_ewc_that_has_an_anchor_of_every_task(scenario):
    for snapshot in snapshots(Blobs(EWC, EWC.Config(mode="offline"), scenario, epochs=1)):
        assert copies(snapshot.state) == [], f"after task {snapshot.after}"


def test_a_copy_whole_or_a_row_is_noticed_and_what_has_one_value_is_not():
    weight, zeros = torch.arange(6.0).view(2, 3), torch.zeros(2, 3)
    state = {"network.w": weight, "anchor.w": torch.stack([zeros, weight]), "fisher": zeros}
    assert copies(state) == [["network.w", "anchor.w[1]"]]
    twice = {"network.w": weight, "teacher.w": weight.clone()}
    assert copies(twice) == [["network.w", "teacher.w"]]
    assert copies({"network.w": weight, "owner.w": weight.int()}) == []

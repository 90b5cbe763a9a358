"""What grows by what is learned costs the FLOPs that its method says, at the sizes that it has."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from methods import METHODS
from methods.base import Config
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.sweep.means import growth

GROWING = [name for name, cls in METHODS.items() if cls.sized_by_learning]


def blobs_of(name: str, config: Config) -> Blobs:
    blobs = Blobs(METHODS[name], config, "class" if name == "lora" else "domain")
    network = "vit_tiny" if METHODS[name].needs_tokens else "mlp"
    return replace(blobs, config=METHODS[name].with_defaults(config, blobs.setting(network)))


def learn_second_task(blobs: Blobs) -> tuple[int, int, int, tuple[int, int, int]]:
    """Return FLOPs of training and consolidation, the number of steps, and the growth before."""
    (first,) = islice(snapshots(blobs), 1)
    method, view = blobs.restore(first.state, num_learned=1), blobs.view(2)
    flops, train, end = method.growth_flops(), FlopMeter(), FlopMeter()
    train_task(method, view, Training(batch_size=16), train)
    end.measure("consolidation", method.end_task, view)
    return train.total, end.total, sum(count for count, _ in train.batches.values()), flops


@pytest.mark.parametrize("name", GROWING)
def test_flops_are_those_without_growth_and_what_the_method_says(name: str) -> None:
    config = METHODS[name].Config()
    small = config.without_growth()
    assert small is not None
    train, end, steps, (first, each, after) = learn_second_task(blobs_of(name, config))
    least, least_end, least_steps, none = learn_second_task(blobs_of(name, small))
    assert (least_steps, none) == (steps, (0, 0, 0)), "nothing has grown"
    assert (train, end) == (least + first + steps * each, least_end + after)
    assert max(first, each) > 0 < after


@pytest.mark.parametrize("name", GROWING)
def test_a_method_as_it_is_built_has_the_most_growth(name: str) -> None:
    blobs = blobs_of(name, METHODS[name].Config())
    (first,) = islice(snapshots(blobs), 1)
    grown = blobs.restore(first.state, num_learned=1)
    outlook = replace(grown.outlook, num_learned=1)
    built = METHODS[name](grown.network, blobs.config, outlook).growth_flops()
    assert all(most >= now for most, now in zip(built, grown.growth_flops(), strict=True))
    fresh = METHODS[name](grown.network, blobs.config, replace(outlook, num_learned=0))
    assert fresh.growth_flops() == (0, 0, 0)


def test_growth_is_kept_of_the_latest_stages_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def build(stage: Any, *_: object) -> Any:
        built.append(stage.key)
        return SimpleNamespace(growth_flops=lambda: (0, 0, 0))

    monkeypatch.setattr(growth, "build_method", build)
    monkeypatch.setattr(growth, "_GROWTH", {})
    monkeypatch.setattr(growth, "MOST_STAGES", 2)
    for key in "aabcacb":
        growth.find_growth(SimpleNamespace(key=key, after=1))  # type: ignore[arg-type]
    assert "".join(built) == "abcab"

"""Which stages are siblings that can be trained as one batched program, and why others are not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import Any

from methods.base import Method
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.hashing import digest_json
from orchestrator.networks.base import Network
from orchestrator.stages.code.components import Component
from orchestrator.stages.features.feature_inputs import feature_sets
from orchestrator.stages.learning.optimizers import FUSED
from orchestrator.stages.learning.training import Training
from orchestrator.stages.learning.training_options import TrainingOptions
from orchestrator.stages.stage import Stage

VERSION = 1  # raised by hand when fused stages have other numbers; part of their keys
AUTO_SIBLINGS = 32
# Weights of the network times examples of a batch, up to which fusing was measured to gain: beyond
# it the products keep a processor busy, and fused they do not fit its caches.
AUTO_WORK = 1_000_000

Parts = tuple[Benchmark, Component, Training, Component]


def numerics(
    benchmark: Benchmark, network: Component, training: Training, method: Component
) -> dict[str, str]:
    """Return the entry in the key of a stage that the fused program trains; {} for others.

    The fused program rounds differently, so that its stages have keys of their own.
    """
    if training.fuse is None or explain_unfused(benchmark, network, training, method) is not None:
        return {}
    return {"numerics": f"fused {VERSION}"}


def is_fused(stage: Stage) -> bool:
    """Return whether a stage is trained by the fused program, alone or with siblings."""
    return bool(stage.after and numerics(*fusible_parts(stage)))


def fusible_parts(stage: Stage) -> Parts:
    """Return the parts of a stage that decide whether it can be fused."""
    return stage.benchmark, stage.network, stage.training, stage.method


def explain_unfused(
    benchmark: Benchmark, network: Component, training: Training, method: Component
) -> str | None:
    """Return the reason that stages are not fused, or None if they are."""
    return next(_reasons(benchmark, network, training, method), None)


def _reasons(
    benchmark: Benchmark, network: Component, training: Training, method: Component
) -> Iterator[str]:
    cls: type[Method] = method.cls
    # What a subclass changes may not be fusible.
    if not vars(cls).get("fusible", False) or not cls.fuses(method.config):
        yield f"{method.name} cannot be fused"
    of_network: type[Network] = network.cls
    if not vars(of_network).get("fusible", False) or network.config.head != "linear":
        yield f"network {network.name} cannot be fused"
    elif training.fuse == "auto" and _work(benchmark, network, training) > AUTO_WORK:
        yield f"network {network.name} is too large to gain from it"
    if feature_sets(benchmark):
        yield "it learns on features of a frozen body"
    yield from _list_unfusible_options(training)


def _list_unfusible_options(training: Training) -> Iterator[str]:
    """Yield the options of a training that the fused program does not have."""
    plain = TrainingOptions()
    for name in ("schedule", "clip", "keep_optimizer", "early_stopping", "precision", "compile"):
        if getattr(training, name) != getattr(plain, name):
            yield f"training.{name} cannot be fused"
    if training.step_budget is not None:
        yield "the number of steps follows from what each has learned"
    if training.augment:
        yield "training.augment cannot be fused"
    if training.optimizer not in FUSED:
        yield f"optimizer {training.optimizer_name} cannot be fused"
    if isinstance(training.lr, dict):
        yield "learning rates of head and body cannot be fused"
    if training.num_threads != 1:
        yield "training.num_threads is not 1"


def _work(benchmark: Benchmark, network: Component, training: Training) -> int:
    """Return the weights of a multilayer perceptron, times the examples of a batch."""
    hidden: tuple[int, ...] = getattr(network.config, "hidden", ())
    widths = (prod(benchmark.input_shape), *hidden, benchmark.num_classes)
    return sum(before * after for before, after in pairwise(widths)) * training.batch_size


def max_siblings(training: Training) -> int:
    """Return the largest number of siblings that are trained together."""
    return AUTO_SIBLINGS if training.fuse in ("auto", None) else int(training.fuse)


def sibling_key(stage: Any) -> str | None:
    """Return a digest that siblings share; None if the stage is not fused.

    It contains all but the seed, the learning rate and the strength of the method, of which it has
    whether that is 0: the loss then has no second term. Of the data it has the number of examples,
    since a seed draws its own.
    """
    if not isinstance(stage, Stage) or not is_fused(stage):
        return None
    benchmark, network, training, method = fusible_parts(stage)
    strength, tasks = method.cls.strength, benchmark.tasks()[: stage.after]
    rest = {name: value for name, value in training.content().items() if name != "lr"}
    content = {
        "after": stage.after,
        "classes": [list(task.classes) for task in tasks],
        "examples": tasks[-1].num_train,
        "shape": [list(benchmark.input_shape), benchmark.num_classes],
        "pixels": [list(benchmark.mean), list(benchmark.std)],
        "masks": [benchmark.scenario, benchmark.train_mask],
        "network": network.content(),
        "training": {**rest, "fuse": training.fuse},
        "method": method.content(frozenset({strength} if strength else ())),
        "is_off": strength is not None and getattr(method.config, strength) == 0,
    }
    return digest_json("siblings", content)

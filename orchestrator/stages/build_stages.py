"""Builds the stages of a trial, one after the other, each with its key."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from methods.base import Setting
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import NetworkShape
from orchestrator.stages.code.components import Component
from orchestrator.stages.code.identity import code_identity
from orchestrator.stages.features.feature_inputs import use_features
from orchestrator.stages.keys import encode_values, initial_key, stage_key, training_content
from orchestrator.stages.learning.training import Training
from orchestrator.stages.siblings import numerics
from orchestrator.stages.stage import Stage

Value = TypeVar("Value")


class Common:
    """Values that the chains of many trials share, computed once.

    A value is found by the objects that it follows from. Objects are compared by identity, since a
    user's options need not be hashable. They are kept, so that no later object gets their identity.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[Hashable, ...], tuple[tuple[object, ...], Any]] = {}

    def compute_once(
        self, name: Hashable, objects: tuple[object, ...], value: Callable[[], Value]
    ) -> Value:
        """Return `value()`, called only if the same objects have no value of this name yet."""
        key = (name, *map(id, objects))
        if key not in self._values:
            self._values[key] = (objects, value())
        known: Value = self._values[key][1]
        return known


def build_stages(
    benchmark: Benchmark, network: Component, training: Training, method: Component, seed: int
) -> tuple[Stage, ...]:
    """Return the chain of stages of one trial on one seed, after = 0..T."""
    method = fill_defaults(method, *use_features(benchmark, network, training))
    return build_chain(benchmark, network, [(training, method)] * benchmark.num_tasks, seed)


def build_chain(
    benchmark: Benchmark,
    network: Component,
    steps: Sequence[tuple[Training, Component]],
    seed: int,
    common: Common | None = None,
) -> tuple[Stage, ...]:
    """Return a chain of stages; each task 1..T has its own training and method.

    Args:
        benchmark: the stream, of this seed.
        network: the network.
        steps: the training and the method of each task.
        seed: of all randomness but the benchmark's own.
        common: what is known of the objects of other chains.
    """
    common = common or Common()
    benchmark, network = common.compute_once(
        "learned",
        (benchmark, network, steps[0][0]),
        partial(_find_learned, benchmark, network, steps),
    )
    task_keys = common.compute_once("tasks", (benchmark,), benchmark.task_keys)
    contents = _step_contents(benchmark, network, steps, seed, common)
    create = partial(Stage, benchmark=benchmark, network=network, seed=seed, task_keys=task_keys)
    chain: list[Stage] = []
    # Stage 0 learns nothing, and has the first step only because a stage has one.
    for after, step in enumerate([steps[0], *steps]):
        training, method = step
        # A method that starts afresh (joint, independent) goes on from stage 0 at every task, so
        # that its stages do not depend on each other.
        parent = chain[0 if method.cls.starts_afresh else -1].key if chain else None
        if parent is None:
            parts = (benchmark, network)
            # Neither training nor method is in it: all trials of a network and a seed share stage
            # 0.
            key = common.compute_once(("key", seed), parts, partial(initial_key, *parts, seed))
        else:
            key = stage_key(contents[id(step)], method, task_keys, parent, after)
        chain.append(create(after=after, training=training, method=method, key=key, parent=parent))
    return tuple(chain)


def _step_contents(
    benchmark: Benchmark,
    network: Component,
    steps: Sequence[tuple[Training, Component]],
    seed: int,
    common: Common,
) -> dict[int, dict[str, str]]:
    """Return the encoded content for keys of each different step, by its `id`."""
    # Most trials repeat one step for every task, so its content is built and encoded once.
    return {
        number: {
            **common.compute_once("method", (method,), partial(_encode_method, method)),
            **encode_values(
                {
                    "seed": seed,
                    "training": training_content(training, method),
                    **numerics(benchmark, network, training, method),
                }
            ),
        }
        for number, (training, method) in {id(step): step for step in steps}.items()
    }


def _encode_method(method: Component) -> dict[str, str]:
    return encode_values({"method": method.content()})


def _find_learned(
    benchmark: Benchmark, network: Component, steps: Sequence[tuple[Training, Component]]
) -> tuple[Benchmark, Component]:
    return use_features(benchmark, network, *(training for training, _ in steps))


def fill_defaults(method: Component, benchmark: Benchmark, network: Component) -> Component:
    """Return a method with the hyperparameters and the version that it uses on a benchmark."""
    setting, identity = benchmark_setting(benchmark, network), method.identity
    # Of one's own code the source is the identity, whatever the setting.
    if ":" not in method.name:
        identity = code_identity(method.kind, method.name, setting=setting)
    config = method.cls.with_defaults(method.config, setting)
    if config is method.config and identity == method.identity:
        return method  # the same object, since what is known of it need not be computed again
    return replace(method, config=config, identity=identity)


def benchmark_setting(benchmark: Benchmark, network: Component) -> Setting:
    """Return the setting that a method's defaults and checks may depend on before training."""
    return Setting(
        scenario=benchmark.scenario,
        num_classes=benchmark.num_classes,
        input_shape=benchmark.input_shape,
        network=network.name,
        num_tasks=benchmark.num_tasks,
        network_config=network.config,
        train_mask=benchmark.train_mask,
    )


def network_shape(benchmark: Benchmark) -> NetworkShape:
    """Return the shape that a network for a benchmark must have."""
    return NetworkShape(
        input_shape=benchmark.input_shape,
        num_classes=benchmark.num_classes,
        mean=benchmark.mean,
        std=benchmark.std,
    )

"""Builds the stages of a trial, one after the other, each with its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from methods.base import Setting
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import NetworkShape
from orchestrator.stages.code.components import Component
from orchestrator.stages.code.identity import code_identity
from orchestrator.stages.keys import initial_key, stage_key
from orchestrator.stages.learning.training import Training
from orchestrator.stages.stage import Stage


def build_stages(
    benchmark: Benchmark, network: Component, training: Training, method: Component, seed: int
) -> tuple[Stage, ...]:
    """Return the chain of stages of one trial on one seed, after = 0..T."""
    method = fill_defaults(method, benchmark, network)
    return build_chain(benchmark, network, [(training, method)] * benchmark.num_tasks, seed)


def build_chain(
    benchmark: Benchmark, network: Component, steps: Sequence[tuple[Training, Component]], seed: int
) -> tuple[Stage, ...]:
    """Return a chain of stages of which each task 1..T has its own training and method."""
    task_keys = benchmark.task_keys()
    # Most trials repeat one step for every task, so its content for keys is built once.
    contents = {
        number: {"seed": seed, "training": training.content(), "method": method.content()}
        for number, (training, method) in {id(step): step for step in steps}.items()
    }
    chain: list[Stage] = []
    for after, step in enumerate([steps[0], *steps]):
        training, method = step
        parent = chain[0 if method.cls.starts_afresh else -1].key if chain else None
        if parent is None:
            key = initial_key(benchmark, network, seed)
        else:
            key = stage_key(contents[id(step)], method, task_keys, parent, after)
        chain.append(
            Stage(
                after=after,
                benchmark=benchmark,
                network=network,
                training=training,
                method=method,
                seed=seed,
                key=key,
                parent=parent,
                task_keys=task_keys,
            )
        )
    return tuple(chain)


def fill_defaults(method: Component, benchmark: Benchmark, network: Component) -> Component:
    """Return a method with the hyperparameters and the version that it uses on a benchmark."""
    setting, identity = benchmark_setting(benchmark, network), method.identity
    if ":" not in method.name:
        identity = code_identity(method.kind, method.name, setting=setting)
    return replace(
        method, config=method.cls.with_defaults(method.config, setting), identity=identity
    )


def benchmark_setting(benchmark: Benchmark, network: Component) -> Setting:
    """Return what a method's defaults and checks may depend on before anything is trained."""
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

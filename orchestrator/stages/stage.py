"""A stage: one task learned by one method; its key is made in `keys.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from methods.base import Setting
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import NetworkShape
from orchestrator.stages.code.components import Component, code_identity
from orchestrator.stages.keys import initial_key, stage_key
from orchestrator.stages.learning.training import Training


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One node of the trial graph.

    Attributes:
        after: the number of tasks learned at its end; stage 0 only initialises the network.
        benchmark: the stream; the stage has seen its first `after` tasks.
        seed: of all randomness but the benchmark's own.
        key: its identity. parent: the key of the state it starts from.
        task_keys: the tasks, 1..T, it is evaluated on.
    """

    after: int
    benchmark: Benchmark
    network: Component
    training: Training
    method: Component
    seed: int
    key: str
    parent: str | None
    task_keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Chain:
    """One (trial, seed) of a sweep, with the contents of its rows in the tables.

    Attributes:
        config: nested {"benchmark", "network", "training", "method"}, JSON types.
        keys: stage keys, after = 0..T, or up to where a search looks. task_keys: tasks 1..T in this
            chain's order.
        scores_unseen: False where the method cannot score a task before learning it.
        group: which search it is a candidate of, and its number there; None if of none.
        objective: what the search ranked it by, if it was ranked by one figure.
        decision: why it was stopped before its end, if it was.
        hyperparameters: for each of `keys`, the hyperparameters that change from task to task.
    """

    sweep: str
    trial_id: str
    phase: str
    selected: bool
    seed: int
    method: str
    benchmark: str
    scenario: str
    network: str
    num_tasks: int
    config: Mapping[str, Any]
    keys: tuple[str, ...]
    task_keys: tuple[str, ...]
    scores_unseen: bool = True
    group: str | None = None
    candidate: int | None = None
    objective: float | None = None
    decision: str = ""
    hyperparameters: tuple[Mapping[str, Any], ...] = ()

    @property
    def depth(self) -> int:
        """How many tasks are learned at its end."""
        return len(self.keys) - 1


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

"""The stage: one task learned by one method, and the key that holds all that could change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from methods.base import Method, Setting
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.hashing import digest, significant
from orchestrator.stages import learner
from orchestrator.stages.components import Component
from orchestrator.stages.learner import Training


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One node of the trial graph.

    Attributes:
        after: tasks learned when it is done; 0 only initialises the network.
        benchmark: whose first `after` tasks, in its order, have been met.
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
    """One (trial, seed) of a sweep: what its rows in the tables are made of.

    Attributes:
        config: nested {"benchmark", "network", "training", "method"}, JSON types.
        keys: stage keys, after = 0..T, or up to where a search looks. task_keys: tasks 1..T in this
            chain's order.
        scores_unseen: False where the method cannot score a task before learning it.
        group: which search it is a candidate of, and its number there; None if of none.
        objective: what the search ranked it by, if it was ranked by one figure.
        decision: why it was stopped before its end, if it was.
        hyperparameters: of each of `keys`, those that change from task to task.
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


def stages(
    benchmark: Benchmark, network: Component, training: Training, method: Component, seed: int
) -> tuple[Stage, ...]:
    """Return the chain of stages of one trial on one seed, after = 0..T."""
    method = with_defaults(method, benchmark, network)
    return scheduled(benchmark, network, [(training, method)] * benchmark.num_tasks, seed)


def scheduled(
    benchmark: Benchmark, network: Component, steps: Sequence[tuple[Training, Component]], seed: int
) -> tuple[Stage, ...]:
    """Return a chain of stages of which each task 1..T has its own training and method."""
    task_keys = benchmark.task_keys()
    common: dict[str, Any] = {"benchmark": benchmark, "network": network, "seed": seed}
    first = digest("stage 0", {
        "network": network.content(), "input_shape": benchmark.input_shape,
        "num_classes": benchmark.num_classes, "mean": benchmark.mean, "std": benchmark.std,
        "masks": masks(benchmark), "seed": seed,
        "learner": learner.VERSION, "benchmarks": benchmark.version,
    })  # fmt: skip
    chain = [
        Stage(
            after=0, training=steps[0][0], method=steps[0][1], key=first, parent=None,
            task_keys=task_keys, **common,
        )
    ]  # fmt: skip
    content = {id(step): (significant(step[0]), step[1].content()) for step in steps}
    for after, (training, method) in enumerate(steps, 1):
        trained, learned = content[id(steps[after - 1])]
        hidden = inert(method, after)
        parent = first if method.cls.starts_afresh else chain[-1].key
        key = digest("stage", {
            "parent": parent, "after": after, "seed": seed,
            "tasks": tasks_met(method, task_keys, after),
            "training": trained, "method": method.content(hidden) if hidden else learned,
        })  # fmt: skip
        chain.append(
            Stage(
                after=after, training=training, method=method, key=key, parent=parent,
                task_keys=task_keys, **common,
            )
        )  # fmt: skip
    return tuple(chain)


def with_defaults(method: Component, benchmark: Benchmark, network: Component) -> Component:
    """Return a method whose hyperparameters have the values that it uses on a benchmark."""
    config = method.cls.with_defaults(method.config, setting_of(benchmark, network))
    return replace(method, config=config)


def setting_of(benchmark: Benchmark, network: Component) -> Setting:
    """Return what a method may know of a benchmark and a network before anything is trained."""
    return Setting(
        scenario=benchmark.scenario,
        num_classes=benchmark.num_classes,
        input_shape=benchmark.input_shape,
        network=network.name,
        num_tasks=benchmark.num_tasks,
    )


def masks(benchmark: Benchmark) -> dict[str, str]:
    """Return what decides which outputs compete; masks matter only where classes arrive in time."""
    if benchmark.scenario != "class":
        return {"scenario": benchmark.scenario}
    return {"scenario": "class", "train": benchmark.train_mask, "eval": benchmark.eval_mask}


def tasks_met(method: Component, task_keys: tuple[str, ...], after: int) -> dict[str, list[str]]:
    """Return the keys of the tasks that make a stage what it is, beside its parent.

    A set of all seen tasks has no order. A stage that starts afresh has no chain of parents to say
    which tasks came before, though the outputs that compete depend on them.
    """
    seen, current = sorted(task_keys[:after]), [task_keys[after - 1]]
    met = {"trained": current if method.cls.trains_on == "current" else seen}
    return {**met, "seen": seen} if method.cls.starts_afresh else met


def inert(method: Component, after: int) -> frozenset[str]:
    """Return the hyperparameters that cannot change a stage."""
    cls: type[Method] = method.cls
    return cls.inert_on_first_task if after == 1 else frozenset()

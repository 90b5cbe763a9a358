"""A stage: one task learned by one method; its key is made in `keys.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.stages.code.components import Component
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
            chain's order. measured: for each of `keys`, those of the tasks that it is evaluated
            on; () if each is on all.
        scores_unseen: False where the method cannot score a task before learning it.
        group: which search it is a candidate of, and its number there; None if of none.
        objective: what the search ranked it by, if it was ranked by one figure.
        decision: why it was stopped before its end, if it was.
        hyperparameters: for each of `keys`, the hyperparameters that change from task to task.
        code: the code of its parts, as JSON; None if it is not known.
        means_storage_bytes, means_compute, means_dial: the budgets of its cell, and what was solved
            for to meet them, as JSON; None where the sweep has no such means.
        means_flops: the FLOPs that its budget of computation allows each task 1..T; () if they are
            not known.
        storage_bound_bytes: what it carries at most, however many tasks there are; None if that is
            not known.
        method_label: the label that the sweep gives the method's entry, if it gives one.
        outcome: (status, story) of a trial that is not run; it has no keys.
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
    measured: tuple[frozenset[str], ...] = ()
    scores_unseen: bool = True
    group: str | None = None
    candidate: int | None = None
    objective: float | None = None
    decision: str = ""
    hyperparameters: tuple[Mapping[str, Any], ...] = ()
    code: str | None = None
    means_storage_bytes: int | None = None
    means_compute: float | None = None
    means_dial: str | None = None
    means_flops: tuple[float, ...] = ()
    storage_bound_bytes: int | None = None
    method_label: str | None = None
    outcome: tuple[str, str] | None = None

    @property
    def depth(self) -> int:
        """How many tasks are learned at its end."""
        return len(self.keys) - 1

    def requests(self) -> list[tuple[str, frozenset[str]]]:
        """Return for each of `keys` the key and the tasks that it is evaluated on."""
        measured = self.measured or [frozenset(self.task_keys)] * len(self.keys)
        return [*zip(self.keys, measured, strict=True)]

"""Keys of stages: digests of all that could change the result of a stage, and of nothing else.

A key contains the key of the parent, so a stage depends on the whole chain before it. Equal keys
are one stage, which is computed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from methods.base import Method
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.hashing import canonical_json, digest_encoded, digest_json
from orchestrator.stages.code.components import Component
from orchestrator.stages.learning import learner
from orchestrator.stages.learning.training import Training


def initial_key(benchmark: Benchmark, network: Component, seed: int) -> str:
    """Return the key of a stage 0, which all methods and trainings share."""
    content = {
        "network": network.content(),
        "input_shape": benchmark.input_shape,
        "num_classes": benchmark.num_classes,
        # Networks normalise their input by these.
        "mean": benchmark.mean,
        "std": benchmark.std,
        "masks": mask_content(benchmark),
        "seed": seed,
        # Every key contains that of stage 0, so a version raised here renews all stages.
        "learner": learner.VERSION,
        "benchmarks": benchmark.version,
    }
    return digest_json("stage 0", content)


def stage_key(
    common: Mapping[str, str],
    method: Component,
    task_keys: tuple[str, ...],
    parent: str,
    after: int,
) -> str:
    """Return the key of a stage that learns a task.

    Args:
        common: content that does not depend on the task, seed, training and method, each encoded.
        method: the method.
        task_keys: tasks 1..T.
        parent: key of the stage it starts from.
        after: tasks learned at its end, 1..T.
    """
    cls: type[Method] = method.cls
    tasks = canonical_json(relevant_tasks(cls, task_keys, after))
    content = {**common, "parent": f'"{parent}"', "after": str(after), "tasks": tasks}
    if inert := inert_hyperparameters(cls, after):
        # Trials that differ in what cannot matter yet share their first stage.
        content["method"] = canonical_json(method.content(inert))
    return digest_encoded("stage", content)


def encode_values(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a key's content as canonical JSON, by their names."""
    return {name: canonical_json(value) for name, value in content.items()}


def training_content(training: Training, method: Component) -> dict[str, Any]:
    """Return a training for a key: of a method that takes no steps the number of threads alone."""
    if method.cls.takes_steps:
        return training.content()
    return {"num_threads": training.num_threads}


def mask_content(benchmark: Benchmark) -> dict[str, str]:
    """Return the masks for a key; they matter only in the class scenario."""
    if benchmark.scenario != "class":
        return {"scenario": benchmark.scenario}
    return {"scenario": "class", "train": benchmark.train_mask, "eval": benchmark.eval_mask}


def relevant_tasks(
    cls: type[Method], task_keys: tuple[str, ...], after: int
) -> dict[str, list[str]]:
    """Return the keys of the tasks that a stage depends on, beside its parent.

    The seen tasks are a set, so they are sorted. A stage that starts afresh has no parents whose
    keys contain the earlier tasks, yet its masks depend on them, so its key lists them.
    """
    seen, current = sorted(task_keys[:after]), [task_keys[after - 1]]
    tasks = {"trained": current if cls.trains_on == "current" else seen}
    return {**tasks, "seen": seen} if cls.starts_afresh else tasks


def inert_hyperparameters(cls: type[Method], after: int) -> frozenset[str]:
    """Return the hyperparameters of a method that cannot change a stage."""
    return cls.inert_on_first_task if after == 1 else frozenset()

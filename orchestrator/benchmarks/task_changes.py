"""Changes of the images from task to task of a stream: permutations, rotations, corruptions."""

from __future__ import annotations

from typing import Any

from orchestrator.benchmarks.corruptions import Corruption
from orchestrator.benchmarks.datasets.dataset import dataset_facts

RecipeFields = tuple[tuple[str, Any], ...]  # fields of a recipe and their values


def describe_task_changes(
    transformation: str, num_tasks: int, seed: int, corruptions: tuple[Corruption, ...]
) -> tuple[RecipeFields, ...]:
    """Return the fields of recipes that describe how each task changes the images.

    Args:
        transformation: "permuted", "rotated" or "corrupted".
        num_tasks: T.
        seed: of permutations and noise.
        corruptions: of each task, if they are corrupted.
    """
    if transformation == "rotated":
        return tuple((("degrees", 180 * k / num_tasks),) for k in range(num_tasks))
    if transformation == "corrupted":
        chosen = corruptions[:num_tasks]
        return tuple((("corruption", _describe_corruption(each, seed)),) for each in chosen)
    # The first task keeps its pixels in place, as is usual.
    streams = [None, *((seed, k, "permutation") for k in range(1, num_tasks))]
    return tuple((("permutation", each),) for each in streams)


def _describe_corruption(corruption: Corruption, seed: int) -> tuple[Any, ...] | None:
    if corruption.name == "clean":
        return None
    # The others draw nothing, so that no seed is part of their keys.
    purpose = (seed, "corruption") if corruption.name == "noise" else (0,)
    return (corruption.name, corruption.severity, *purpose)


def place_datasets(
    datasets: tuple[str, ...], scenario: str, shape: tuple[int, ...]
) -> tuple[RecipeFields, ...]:
    """Return the fields of recipes of tasks that have a data set each.

    Args:
        datasets: of each task.
        scenario: "domain": each data set has the first outputs; else outputs of its own.
        shape: of all examples.
    """
    changes, first = [], 0
    for name in datasets:
        facts = dataset_facts(name)
        change: RecipeFields = (("dataset", name), ("first", first))
        if facts.input_shape != shape:
            change += (("shape", shape),)
        changes.append(change)
        first += 0 if scenario == "domain" else facts.num_classes
    return tuple(changes)

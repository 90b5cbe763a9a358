"""The seeds of a trial whose streams have the same sizes of classes, and so the same prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.stages.features.feature_inputs import use_features
from orchestrator.sweep.trial import Trial

Value = TypeVar("Value")
# Of each task, (place among the labels seen, examples) of each class.
ClassSizes = tuple[tuple[tuple[int, int], ...], ...]


def priced_seeds(trial: Trial) -> tuple[int, ...]:
    """Return the seeds that are priced: the first of those with the same sizes of classes.

    FLOPs follow from them. The sizes of tasks are not enough: iCaRL's choice of exemplars costs
    sum_c N_c min(N_c, k_c), of N_c examples of class c and its share k_c of the memory.
    """
    return tuple(dict.fromkeys(_first_alike(trial)))


def task_sizes(trial: Trial) -> set[int]:
    """Return the numbers of training examples of the tasks, on all seeds of a trial."""
    benchmark, _ = use_features(trial.benchmark, trial.network, trial.training)
    streams = (class_sizes(replace(benchmark, seed=seed)) for seed in priced_seeds(trial))
    return {sum(number for _, number in task) for sizes in streams for task in sizes}


def for_all_seeds(trial: Trial, of_priced: Iterable[Value]) -> dict[int, Value]:
    """Return seed -> what is known of it from the seed that is priced for it.

    Args:
        trial: whose seeds are meant.
        of_priced: what is known of each of `priced_seeds`.
    """
    known = dict(zip(priced_seeds(trial), of_priced, strict=True))
    return {
        seed: known[first] for seed, first in zip(trial.seeds, _first_alike(trial), strict=True)
    }


def _first_alike(trial: Trial) -> tuple[int, ...]:
    """Return, for each seed of a trial, the first with the same sizes of classes."""
    if trial.fixed_stream:
        return trial.seeds[:1] * len(trial.seeds)
    benchmark, _ = use_features(trial.benchmark, trial.network, trial.training)
    return first_alike(benchmark, trial.seeds)


# A plan asks for them at each cell.
@lru_cache(maxsize=64)
def first_alike(benchmark: Benchmark, seeds: tuple[int, ...]) -> tuple[int, ...]:
    """Return, for each seed of a stream, the first with the same sizes of classes."""
    first: dict[ClassSizes, int] = {}
    return tuple(first.setdefault(class_sizes(replace(benchmark, seed=n)), n) for n in seeds)


@lru_cache(maxsize=256)
def class_sizes(benchmark: Benchmark) -> ClassSizes:
    """Return, for each task, the place and the number of examples of each of its classes.

    Places are those among the labels seen: the first ones get the rows of a memory that are left
    over by equal shares.
    """
    seen: set[int] = set()
    sizes = []
    for task in benchmark.tasks():
        seen |= {*task.classes}
        places = sorted(seen)
        pairs = zip(task.classes, task.class_sizes, strict=True)
        sizes.append(tuple((places.index(label), number) for label, number in pairs))
    return tuple(sizes)

"""Why a training does not go with a benchmark, a network and a method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from methods.base import Method
from orchestrator.benchmarks.benchmark import Benchmark, Task
from orchestrator.stages.code.components import Component
from orchestrator.stages.learning.augmentation.changes import Change, PadCrop
from orchestrator.stages.learning.training import Training


def training_objections(
    training: Training, benchmark: Benchmark, method: Component
) -> Iterator[str]:
    """Yield the options of a training that do not go with a benchmark and a method, and why."""
    cls: type[Method] = method.cls
    yield from augmentation_objections(training.read_changes(), benchmark, method)
    if training.early_stopping is not None:
        yield from validation_objections(benchmark)
        if cls.divides_task:
            yield f"early_stopping: {method.name} divides each task into parts of fixed lengths"


def validation_objections(benchmark: Benchmark) -> Iterator[str]:
    """Yield why early stopping has no validation data on a task, if so."""
    if benchmark.validation == 0:
        yield "early_stopping: needs validation data; give benchmark.validation a share"
    elif (task := first_without_validation(benchmark)) is not None:
        yield (
            f"early_stopping: needs validation data, and benchmark.validation: "
            f"{benchmark.validation:g} holds out none of the {task.num_train} training "
            f"examples of task {task.index}; give at least {1 / task.num_train:.2g}"
        )


def augmentation_objections(
    changes: Sequence[Change], benchmark: Benchmark, method: Component
) -> Iterator[str]:
    """Yield the reasons that an augmentation does not go with a benchmark and a method."""
    if changes and len(benchmark.input_shape) == 1:
        given = ", ".join(change.name for change in changes)
        yield (
            f"augment: changes images, given {given}, and the examples of {benchmark.title} are "
            "rows of a table; leave it out"
        )
    elif unfit := [each for each in changes if not takes_channels(each, benchmark)]:
        valid = " or ".join(map(str, unfit[0].channels))
        yield (
            f"augment: {unfit[0].name} takes images of {valid} channels, and those of "
            f"{benchmark.title} have {benchmark.input_shape[0]}; leave it out"
        )
    side = min(benchmark.input_shape[1:], default=0)
    for change in changes:
        if isinstance(change, PadCrop) and 0 < side < change.padding:
            yield (
                f"augment: pad_crop must pad by at most {side} pixels, the side of the images of "
                f"{benchmark.title}, given {change.padding}"
            )
    if any(change.mixes for change in changes) and not method.cls.takes_mixtures:
        yield (
            f"augment: {method.name} cannot learn from examples that are mixed, given "
            f"{changes[-1].name}; leave it out for {method.name}"
        )


def takes_channels(change: Change, benchmark: Benchmark) -> bool:
    """Return whether a change of images takes those of a benchmark."""
    return not change.channels or benchmark.input_shape[0] in change.channels


@lru_cache(maxsize=256)  # a sweep has many trainings on one benchmark
def first_without_validation(benchmark: Benchmark) -> Task | None:
    """Return the first task that has no validation examples, or None."""
    return next((task for task in benchmark.tasks() if task.num_validation == 0), None)


def first_objection(components: tuple[Any, ...]) -> str | None:
    """Return the first reason that a training does not go with the rest of a trial, or None.

    Args:
        components: benchmark, network, training and method.
    """
    benchmark, _, training, method = components
    line = next(training_objections(training, benchmark, method), None)
    return None if line is None else f"training.{line}"

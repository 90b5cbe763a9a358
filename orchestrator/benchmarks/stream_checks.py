"""Checks of the fields of a benchmark that go together; each mistake begins with its field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.benchmarks.corruptions import DEFAULT_CORRUPTIONS, Corruption
from orchestrator.benchmarks.datasets.dataset import DATASETS
from orchestrator.benchmarks.orders import TaskOrder, is_task_order
from orchestrator.benchmarks.sources.own_data import OwnData
from orchestrator.errors import suggest

MOST_TASKS = 100_000  # of which a plan lists every stage


def is_order(order: TaskOrder, num_tasks: int) -> bool:
    """Return whether an order is one of tasks that share their classes."""
    return order in ("natural", "seeded") or is_task_order(order, num_tasks)


def find_mistakes_in_labels(label_noise: float, sizes: Sequence[int]) -> Iterator[str]:
    """Yield a mistake if wrong labels are asked for and a task has a single class.

    Args:
        label_noise: share of wrong labels.
        sizes: classes of each task.
    """
    if label_noise and 1 in sizes:
        lone = sizes.index(1) + 1
        yield f"label_noise: task {lone} has one class, and so no other label; leave it out"


def find_mistakes_in_corruptions(
    corruptions: tuple[Corruption, ...] | None, num_tasks: int | None
) -> Iterator[str]:
    """Yield the mistakes in the corruptions of each task, and in their number."""
    if corruptions is None:
        if (num_tasks or 1) > len(DEFAULT_CORRUPTIONS):
            names = ", ".join(each.name for each in DEFAULT_CORRUPTIONS)
            more = f"there are {len(DEFAULT_CORRUPTIONS)} by default ({names}); give corruptions"
            yield f"num_tasks: {num_tasks}; {more}"
        return
    if not corruptions:
        yield "corruptions: []; must name the corruption of at least one task"
    elif num_tasks not in (None, len(corruptions)):
        yield f"num_tasks: {num_tasks}; {len(corruptions)} by corruptions, so leave it out"
    twice = [each for i, each in enumerate(corruptions) if each in corruptions[:i]]
    if twice:
        yield f"corruptions: {twice[0].name} of severity {twice[0].severity} is named twice"


def find_mistakes_in_sequence(
    name: str, data: Any, sequence: tuple[Any, ...] | None
) -> Iterator[str]:
    """Yield the mistakes in the data sets of a sequence, or the reason why there can be none."""
    if sequence is None:
        yield "sequence: is missing; valid: [{data: mnist}, {data: fashion_mnist}]"
    elif name != "sequence":
        yield f"sequence: {name!r} has one data set; valid: with name: sequence"
    elif data is not None:
        yield "data: each task of a sequence has its own; leave it out"
    elif not sequence:
        yield "sequence: []; must name the data set of at least one task"
    else:
        for place, each in enumerate(sequence):
            known = isinstance(each, str) and each in DATASETS
            if not (known or isinstance(each, OwnData)):
                yield f"sequence: unknown data set {each!r}; {suggest(str(each), DATASETS)}"
            elif each in sequence[:place]:
                title = each.title if isinstance(each, OwnData) else each
                yield f"sequence: {title} is named twice; each data set may be in one task"


def find_wrong_shares(
    validation: float, samples_per_task: int | None, imbalance: float | None, label_noise: float
) -> Iterator[str]:
    """Yield the shares and numbers of training examples that are out of their range."""
    if not 0 <= validation <= 0.5:
        valid = "must be a share of the training images in [0, 0.5]"
        yield f"validation: {validation}; {valid}"
    elif samples_per_task is not None and samples_per_task < 1:
        valid = "must be at least 1, or left out to use all"
        yield f"samples_per_task: {samples_per_task}; {valid}"
    if imbalance is not None and not 0 < imbalance <= 1:
        yield f"imbalance: {imbalance}; must be above 0 and at most 1"
    if not 0 <= label_noise < 1:
        yield f"label_noise: {label_noise}; must be a share of the labels in [0, 1)"

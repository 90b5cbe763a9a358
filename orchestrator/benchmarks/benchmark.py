"""Benchmarks: sequences of tasks, each of a data set, a transformation and a scenario.

Shape legend: N examples, C outputs of the head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from orchestrator.benchmarks.datasets import DATASETS, DatasetInfo
from orchestrator.benchmarks.recipes import Order, Recipe, make_recipes
from orchestrator.benchmarks.tasks import VERSION, Task, task_keys
from orchestrator.errors import suggest

__all__ = ["BENCHMARKS", "Benchmark", "Task"]

Scenario = Literal["task", "domain", "class"]
TrainMask = Literal["seen", "all", "current"]
EvalMask = Literal["seen", "all"]

BENCHMARKS: dict[str, tuple[str, str]] = {  # name -> (transformation, data set)
    f"{transformation}_{dataset}": (transformation, dataset)
    for transformation, datasets in (
        ("split", ("digits", "fashion_mnist", "mnist", "cifar10", "cifar100")),
        ("permuted", ("digits", "fashion_mnist", "mnist")),
        ("rotated", ("digits", "fashion_mnist", "mnist")),
    )
    for dataset in datasets
}


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A stream of tasks.

    Args:
        name: a name of `BENCHMARKS`.
        scenario: what is predicted (van de Ven et al., 2022): "task": the class within a known
            task; "domain": the same, the task being unknown; "class": both task and class.
        num_tasks: T; for split benchmarks a divisor of the number of classes.
        order: "natural"; "seeded", which shuffles classes over tasks (split) or tasks (others) by
            `seed`; or a permutation of 1..T, the numbers of the natural tasks.
        validation: share of the training images held out, [0, 0.5].
        samples_per_task: maximum number of training examples of a task; None keeps all.
        train_mask: outputs that compete in training, class scenario: those of "seen" tasks (the
            current included), of the "current" task, or "all".
        eval_mask: outputs that compete in evaluation, class scenario.
        seed: of the stream: permutations, order of classes, validation and samples drawn.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    version: ClassVar[int] = VERSION

    name: str
    scenario: Scenario = "class"
    num_tasks: int = 5
    order: Order = "natural"
    validation: float = 0.1
    samples_per_task: int | None = None
    train_mask: TrainMask = "seen"
    eval_mask: EvalMask = "seen"
    seed: int = 0

    def __post_init__(self) -> None:
        mistakes = [*self._find_mistakes()]
        if mistakes:
            raise ValueError("\n".join(mistakes))
        if not isinstance(self.order, str):
            object.__setattr__(self, "order", tuple(self.order))

    def _find_mistakes(self) -> Iterator[str]:
        is_known = self.name in BENCHMARKS
        if not is_known:
            yield f"unknown benchmark {self.name!r}; {suggest(self.name, BENCHMARKS)}"
        choices = {"scenario": Scenario, "train_mask": TrainMask, "eval_mask": EvalMask}
        for field, type_ in choices.items():
            if getattr(self, field) not in get_args(type_):
                yield f"{field}: {getattr(self, field)!r}; valid: {', '.join(get_args(type_))}"
        if self.num_tasks < 1:
            yield f"num_tasks: {self.num_tasks}; must be at least 1"
        elif is_known:
            yield from self._find_mistakes_in_tasks()
        if not 0 <= self.validation <= 0.5:
            valid = "must be a share of the training images in [0, 0.5]"
            yield f"validation: {self.validation}; {valid}"
        elif self.samples_per_task is not None and self.samples_per_task < 1:
            valid = "must be at least 1, or left out to use all"
            yield f"samples_per_task: {self.samples_per_task}; {valid}"

    def _find_mistakes_in_tasks(self) -> Iterator[str]:
        classes, tasks = self._info.num_classes, self.num_tasks
        if self._transformation == "split" and classes % tasks:
            divisors = [str(n) for n in range(1, classes + 1) if classes % n == 0]
            yield (
                f"num_tasks: {tasks} does not divide the {classes} classes of {self._dataset}; "
                f"valid: {', '.join(divisors)}"
            )
        elif isinstance(self.order, str):
            if self.order not in ("natural", "seeded"):
                yield self._order_mistake(self.order)
        elif sorted(self.order) != list(range(1, tasks + 1)):
            yield self._order_mistake(list(self.order))

    def _order_mistake(self, given: str | list[int]) -> str:
        valid = f"natural, seeded, or a list of the tasks 1..{self.num_tasks}, each once"
        return f"order: {given!r}; valid: {valid}"

    @property
    def _transformation(self) -> str:
        return BENCHMARKS[self.name][0]

    @property
    def _dataset(self) -> str:
        return BENCHMARKS[self.name][1]

    @property
    def _info(self) -> DatasetInfo:
        return DATASETS[self._dataset]

    @property
    def num_classes(self) -> int:
        """Outputs of the head, C."""
        return 1 + max(label for recipe in self._recipes() for label in recipe.labels)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns) of an image."""
        return self._info.input_shape

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean per channel of the data set's training pixels in [0, 1]."""
        return self._info.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation per channel of the data set's training pixels in [0, 1]."""
        return self._info.std

    def task_keys(self) -> tuple[str, ...]:
        """Return the tasks' keys in the order of the sequence; reads the data set.

        Raises:
            RepertoireError: the data set has no image to train a task on, or none to test it.
        """
        return task_keys(self._dataset, self._recipes())

    def tasks(self) -> tuple[Task, ...]:
        """Return the tasks in the order of the sequence; reads nothing yet."""
        return tuple(Task(index, recipe) for index, recipe in enumerate(self._recipes(), start=1))

    def train_allowed(self, after: int) -> Tensor | None:
        """Return bool [C, C] for task `after`: row y holds the outputs that compete with label y.

        None: all compete.
        """
        if self.scenario == "domain":
            return None
        if self.scenario == "task" or self.train_mask == "current":
            return self._own_task_mask()
        seen = self._seen_mask(after) if self.train_mask == "seen" else None
        return None if seen is None else seen.repeat(self.num_classes, 1)

    def eval_allowed(self, after: int, index: int) -> Tensor | None:
        """Return bool [C], the outputs that compete on task `index` once `after` tasks are learned.

        None: all compete.
        """
        if self.scenario == "task":
            return self._mask(self._recipes()[index - 1].labels)
        only_seen = self.scenario == "class" and self.eval_mask == "seen"
        return self._seen_mask(after) if only_seen else None

    def _own_task_mask(self) -> Tensor:
        allowed = torch.zeros(self.num_classes, self.num_classes, dtype=torch.bool)
        for recipe in self._recipes():
            allowed[list(recipe.labels)] = self._mask(recipe.labels)
        return allowed

    def _seen_mask(self, after: int) -> Tensor | None:
        labels = [label for recipe in self._recipes()[:after] for label in recipe.labels]
        return self._mask(labels) if labels else None

    def _mask(self, labels: Iterable[int]) -> Tensor:
        allowed = torch.zeros(self.num_classes, dtype=torch.bool)
        allowed[list(labels)] = True
        return allowed

    def _recipes(self) -> tuple[Recipe, ...]:
        transformation, dataset = BENCHMARKS[self.name]
        share, samples = float(self.validation), self.samples_per_task
        base = Recipe(dataset=dataset, validation=share, samples_per_task=samples)
        return make_recipes(
            transformation, self.scenario, self.num_tasks, self.order, self.seed, base
        )

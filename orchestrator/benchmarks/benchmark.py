"""The benchmarks: a data set, a transformation and a scenario make a sequence of tasks.

Shape legend: N examples, C outputs of the head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from orchestrator.benchmarks.datasets import DATASETS, DatasetInfo
from orchestrator.benchmarks.tasks import VERSION, Recipe, Task, keys_of
from orchestrator.errors import suggest
from orchestrator.seeding import stream

__all__ = ["BENCHMARKS", "Benchmark", "Task"]

Scenario = Literal["task", "domain", "class"]
TrainMask = Literal["seen", "all", "current"]
EvalMask = Literal["seen", "all"]

# name -> (transformation, data set)
BENCHMARKS: dict[str, tuple[str, str]] = {
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
        scenario: what is asked at test time (van de Ven et al., 2022): "task" reveals the task and
            asks for the class within it, "domain" asks for that without revealing the task, "class"
            asks for task and class.
        num_tasks: T; for split benchmarks a divisor of the number of classes.
        order: "natural"; "seeded" shuffles classes over tasks (split) or tasks (others) by `seed`;
            or the natural tasks' numbers, a permutation of 1..T, in the order wanted.
        validation: share of the training images held out, [0, 0.5].
        samples_per_task: at most so many training examples a task; None keeps all.
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
    order: Literal["natural", "seeded"] | tuple[int, ...] = "natural"
    validation: float = 0.1
    samples_per_task: int | None = None
    train_mask: TrainMask = "seen"
    eval_mask: EvalMask = "seen"
    seed: int = 0

    def __post_init__(self) -> None:
        mistakes = [*self._mistakes()]
        if mistakes:
            raise ValueError("\n".join(mistakes))
        if not isinstance(self.order, str):
            object.__setattr__(self, "order", tuple(self.order))

    def _mistakes(self) -> Iterator[str]:
        """Yield what is wrong, a line each."""
        known = self.name in BENCHMARKS
        if not known:
            yield f"unknown benchmark {self.name!r}; {suggest(self.name, BENCHMARKS)}"
        choices = {"scenario": Scenario, "train_mask": TrainMask, "eval_mask": EvalMask}
        for field, type_ in choices.items():
            if getattr(self, field) not in get_args(type_):
                yield f"{field}: {getattr(self, field)!r}; valid: {', '.join(get_args(type_))}"
        if self.num_tasks < 1:
            yield f"num_tasks: {self.num_tasks}; must be at least 1"
        of_tasks = self._mistake_in_tasks() if known and self.num_tasks >= 1 else None
        yield from filter(None, (of_tasks, self._mistake_in_samples()))

    def _mistake_in_tasks(self) -> str | None:
        classes, tasks = self._info.num_classes, self.num_tasks
        if self._transformation == "split" and classes % tasks:
            divisors = [str(n) for n in range(1, classes + 1) if classes % n == 0]
            return (
                f"num_tasks: {tasks} does not divide the {classes} classes of {self._dataset}; "
                f"valid: {', '.join(divisors)}"
            )
        if self.order not in ("natural", "seeded") and sorted(self.order) != list(
            range(1, tasks + 1)
        ):
            given = self.order if isinstance(self.order, str) else list(self.order)
            valid = f"natural, seeded, or a list of the tasks 1..{tasks}, each once"
            return f"order: {given!r}; valid: {valid}"
        return None

    def _mistake_in_samples(self) -> str | None:
        if not 0 <= self.validation <= 0.5:
            return (
                f"validation: {self.validation}; must be a share of the training images in [0, 0.5]"
            )
        if self.samples_per_task is not None and self.samples_per_task < 1:
            given = self.samples_per_task
            return f"samples_per_task: {given}; must be at least 1, or left out to use all"
        return None

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
        return keys_of(self._dataset, self._recipes())

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
            return self._own_task()
        seen = self._seen(after) if self.train_mask == "seen" else None
        return None if seen is None else seen.repeat(self.num_classes, 1)

    def eval_allowed(self, after: int, index: int) -> Tensor | None:
        """Return bool [C], the outputs that compete on task `index` once `after` tasks are learned.

        None: all compete.
        """
        if self.scenario == "task":
            return self._outputs(self._recipes()[index - 1].labels)
        return self._seen(after) if self.scenario == "class" and self.eval_mask == "seen" else None

    def _own_task(self) -> Tensor:
        allowed = torch.zeros(self.num_classes, self.num_classes, dtype=torch.bool)
        for recipe in self._recipes():
            allowed[list(recipe.labels)] = self._outputs(recipe.labels)
        return allowed

    def _seen(self, after: int) -> Tensor | None:
        labels = [label for recipe in self._recipes()[:after] for label in recipe.labels]
        return self._outputs(labels) if labels else None

    def _outputs(self, labels: Iterable[int]) -> Tensor:
        allowed = torch.zeros(self.num_classes, dtype=torch.bool)
        allowed[list(labels)] = True
        return allowed

    def _recipes(self) -> tuple[Recipe, ...]:
        """Return the tasks' recipes in the order of the sequence."""
        return _recipes_of(self)

    def _make_recipes(self) -> list[Recipe]:
        make = {"split": self._split, "permuted": self._permuted, "rotated": self._rotated}
        natural = [make[self._transformation](k) for k in range(self.num_tasks)]
        if not isinstance(self.order, str):
            return [natural[number - 1] for number in self.order]
        if self.order == "seeded" and self._transformation != "split":
            order = torch.randperm(self.num_tasks, generator=stream(self.seed, "task order"))
            return [natural[k] for k in order.tolist()]
        return natural

    def _split(self, k: int) -> Recipe:
        order = list(range(self._info.num_classes))
        if self.order == "seeded":
            order = torch.randperm(len(order), generator=stream(self.seed, "class order")).tolist()
        size = len(order) // self.num_tasks
        classes = tuple(sorted(order[k * size : (k + 1) * size]))
        labels = tuple(range(size)) if self.scenario == "domain" else classes
        return self._recipe(classes, classes=classes, labels=labels)

    def _permuted(self, k: int) -> Recipe:
        # The first is left as it is, as is usual.
        permutation = (self.seed, k, "permutation") if k else None
        return self._shared(k, permutation=permutation)

    def _rotated(self, k: int) -> Recipe:
        degrees = 180 * k / self.num_tasks
        return self._shared(k, degrees=degrees)

    def _shared(self, k: int, **content: Any) -> Recipe:
        """Return a recipe of which all tasks have the same images, changed by each in its way.

        One draw holds the validation images of all tasks, so that none is a training image of
        another. Samples are drawn anew for each task.
        """
        sampled = self.samples_per_task is not None
        return self._recipe(
            "all tasks",
            **self._all_classes(k),
            sample=(self.seed, *content.values(), "sample") if sampled else None,
            **content,
        )

    def _all_classes(self, k: int) -> dict[str, Any]:
        count = self._info.num_classes
        first = 0 if self.scenario == "domain" else k * count
        return {"classes": tuple(range(count)), "labels": tuple(range(first, first + count))}

    def _recipe(self, identity: object, **content: Any) -> Recipe:
        """Return a recipe; `identity` tells the task from the others wherever it stands."""
        draws = self.validation > 0 or self.samples_per_task is not None
        return Recipe(
            dataset=self._dataset,
            validation=float(self.validation),
            samples_per_task=self.samples_per_task,
            draw=(self.seed, identity, "validation") if draws else None,
            **content,
        )


@lru_cache(maxsize=256)
def _recipes_of(benchmark: Benchmark) -> tuple[Recipe, ...]:
    """Return the recipes of a benchmark, which every mask and key of it asks for."""
    return tuple(benchmark._make_recipes())

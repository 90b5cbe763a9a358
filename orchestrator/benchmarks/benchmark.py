"""Benchmarks: sequences of tasks, each of a data set, a transformation and a scenario.

Shape legend: N examples, C outputs of the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from torch import Tensor

from orchestrator.benchmarks import masks
from orchestrator.benchmarks.benchmark_options import BenchmarkOptions
from orchestrator.benchmarks.corruptions import DEFAULT_CORRUPTIONS
from orchestrator.benchmarks.recipes import Recipe, shared_recipes, split_recipes
from orchestrator.benchmarks.sources.own_data import OwnData
from orchestrator.benchmarks.stream_data import BENCHMARKS
from orchestrator.benchmarks.task_changes import describe_task_changes, place_datasets
from orchestrator.benchmarks.tasks import VERSION, Task, task_keys
from orchestrator.hashing import to_keyed_json

__all__ = ["BENCHMARKS", "Benchmark", "Task"]


@dataclass(frozen=True, kw_only=True)
class Benchmark(BenchmarkOptions):
    """A stream of tasks, with their examples, labels and masks."""

    version: ClassVar[int] = VERSION

    # Once, since each trial asks for it and the recipes are found by the value of all options.
    @cached_property
    def num_classes(self) -> int:
        """Outputs of the head, C."""
        return 1 + max(label for recipe in self._recipes() for label in recipe.labels)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean per channel of the data set's training pixels in [0, 1]."""
        return self.stream_data.facts.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation per channel of the data set's training pixels in [0, 1]."""
        return self.stream_data.facts.std

    def describe(self) -> dict[str, Any]:
        """Return the options in JSON types, without neutral ones."""
        return dict(self._description)

    @cached_property
    def _description(self) -> dict[str, Any]:
        keyed: dict[str, Any] = to_keyed_json(self)
        return keyed

    def require_same_data(self) -> None:
        """Raise unless the user's own files are what the benchmark was made of.

        Raises:
            WrongData: a file changed since.
            MissingData: a file is not there any more.
        """
        for data in self.data_sets:
            if isinstance(data, OwnData):
                data.require_same()

    def task_keys(self) -> tuple[str, ...]:
        """Return the tasks' keys in the order of the sequence; reads the data set.

        Raises:
            RepertoireError: the data set has no image to train a task on, or none to test it.
        """
        return task_keys(self._recipes())

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
            return masks.own_task_mask(self._recipes(), self.num_classes)
        seen = self._seen_mask(after) if self.train_mask == "seen" else None
        return None if seen is None else seen.repeat(self.num_classes, 1)

    def eval_allowed(self, after: int, index: int) -> Tensor | None:
        """Return bool [C], the outputs that compete on task `index` once `after` tasks are learned.

        None: all compete.
        """
        if self.scenario == "task":
            return masks.label_mask(self._recipes()[index - 1].labels, self.num_classes)
        only_seen = self.scenario == "class" and self.eval_mask == "seen"
        return self._seen_mask(after) if only_seen else None

    def _seen_mask(self, after: int) -> Tensor | None:
        # Before the first task nothing is seen, and then all compete: None.
        labels = [label for recipe in self._recipes()[:after] for label in recipe.labels]
        return masks.label_mask(labels, self.num_classes) if labels else None

    def build_recipes(self) -> tuple[Recipe, ...]:
        """Return the recipes of the tasks, in the order of the sequence; see `recipes_of`."""
        base = Recipe(
            dataset=self.stream_data.names[0],
            validation=float(self.validation),
            samples_per_task=self.samples_per_task,
            imbalance=self.imbalance,
            noise=(float(self.label_noise),) if self.label_noise else None,
        )
        kind = self.stream_data.transformation
        if kind == "split":
            return split_recipes(self._class_split, self.scenario, self.seed, base)
        if self.sequence is not None:
            changes = place_datasets(self.stream_data.names, self.scenario, self.input_shape)
        else:
            corruptions = self.corruptions or DEFAULT_CORRUPTIONS
            changes = describe_task_changes(kind, self.num_tasks, self.seed, corruptions)
        return shared_recipes(changes, self.scenario, self._order, self.seed, base)

    def _recipes(self) -> tuple[Recipe, ...]:
        return recipes_of(self)


# By value, so that equal benchmarks of many trials share their recipes.
@lru_cache(maxsize=256)
def recipes_of(benchmark: Benchmark) -> tuple[Recipe, ...]:
    """Return the recipes of the tasks of a benchmark, in the order of the sequence."""
    return benchmark.build_recipes()

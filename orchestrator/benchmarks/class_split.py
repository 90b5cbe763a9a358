"""The classes of a data set, split into tasks of equal or unequal size."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from orchestrator.benchmarks.orders import (
    ClassName,
    TaskOrder,
    class_numbers,
    is_task_order,
    order_classes,
    order_tasks,
)

DEFAULT_TASKS = 5
# The ways of giving the sizes of tasks, beside num_tasks.
SIZE_FIELDS = ("classes", "classes_per_task", "first", "step")


@dataclass(frozen=True, kw_only=True)
class ClassSplit:
    """How the classes of a data set are split into tasks.

    Attributes:
        dataset, num_classes, class_names: its name for messages, its classes and, where they have
            names, their names.
        num_tasks: T, for tasks of equal size; None is 5, unless another field gives the sizes.
        first, step: classes of the first and of each further task; the last has what is left.
        classes_per_task: classes of each task.
        classes: of each task, by number or name.
        order: of the classes; with `classes`, and where it lists the tasks, of the tasks.
    """

    dataset: str
    num_classes: int
    class_names: tuple[str, ...] = ()
    num_tasks: int | None = None
    first: int | None = None
    step: int | None = None
    classes_per_task: tuple[int, ...] | None = None
    classes: tuple[tuple[ClassName, ...], ...] | None = None
    order: TaskOrder = "natural"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of classes of each task, before tasks are ordered.

        It is computed for fields with mistakes too, and then has no meaning.
        """
        if self.classes is not None:
            return tuple(map(len, self.classes))
        if self.classes_per_task is not None:
            return self.classes_per_task
        if self.step is not None:
            return self._steps(self.step)
        num_tasks = DEFAULT_TASKS if self.num_tasks is None else self.num_tasks
        return (self.num_classes // num_tasks,) * num_tasks

    def _steps(self, step: int) -> tuple[int, ...]:
        first = step if self.first is None else self.first
        full, rest = divmod(self.num_classes - first, step)
        return (first, *[step] * full, *[rest] * (rest > 0))

    def groups(self, seed: int) -> tuple[tuple[int, ...], ...]:
        """Return the classes of each task of the sequence, in increasing order.

        Args:
            seed: of a seeded order.
        """
        names, count, sizes = self.class_names, self.num_classes, self.sizes
        if self.classes is not None:
            chosen = [class_numbers(group, names, count) for group in self.classes]
            places = order_tasks(self.order, len(sizes), seed)
        else:
            ordered = order_classes(self.order, names, count, len(sizes), seed)
            ends = accumulate(sizes)
            chosen = [ordered[e - size : e] for e, size in zip(ends, sizes, strict=True)]
            by_tasks = is_task_order(self.order, len(sizes))
            places = order_tasks(self.order if by_tasks else "natural", len(sizes), seed)
        return tuple(tuple(sorted(chosen[place - 1])) for place in places)

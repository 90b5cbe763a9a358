"""The classes of a data set, split into tasks of equal or unequal size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from orchestrator.benchmarks.orders import (
    ClassName,
    Order,
    PublishedOrder,
    class_numbers,
    is_task_order,
    order_classes,
    order_tasks,
)

# The ways of giving the sizes of tasks, beside num_tasks.
SIZE_FIELDS = ("classes", "classes_per_task", "first", "step")
SHORT = 60  # characters of a value in a message


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
    order: Order = "natural"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of classes of each natural task; of some length if there are mistakes."""
        if self.classes is not None:
            return tuple(map(len, self.classes))
        if self.classes_per_task is not None:
            return self.classes_per_task
        if self.step is not None:
            return self._steps(self.step)
        num_tasks = 5 if self.num_tasks is None else self.num_tasks
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

    def find_mistakes(self) -> Iterator[str]:
        """Yield what is wrong, each in a line that begins with the field; counts are at least 1."""
        wrong = [*self._find_wrong_fields(), *self._find_wrong_sizes()]
        yield from wrong
        if not wrong:
            yield from self._find_wrong_order()

    def _find_wrong_fields(self) -> Iterator[str]:
        given = [name for name in SIZE_FIELDS if getattr(self, name) is not None]
        ways = list(dict.fromkeys("step" if name == "first" else name for name in given))
        if len(ways) > 1:
            yield f"{given[0]}: the sizes of tasks are given twice, by {' and '.join(given)} too"
        elif self.first is not None and self.step is None:
            yield f"first: {self.first} needs a step, the number of classes of each further task"

    def _find_wrong_sizes(self) -> Iterator[str]:
        count = self.num_classes
        if self.classes is not None:
            yield from self._find_wrong_classes(self.classes)
        sizes = self.classes_per_task
        if sizes is not None and (sum(sizes) != count or min(sizes) < 1):
            total = f"add up to {sum(sizes)}"
            valid = f"numbers from 1 on that add up to the {count} classes of {self.dataset}"
            yield f"classes_per_task: {shorten(list(sizes))} {total}; valid: {valid}"
        for name in ("first", "step"):
            if (getattr(self, name) or 0) > count:
                most = f"at most the {count} classes of {self.dataset}"
                yield f"{name}: {getattr(self, name)}; must be {most}"
                return

    def _find_wrong_classes(self, groups: tuple[tuple[ClassName, ...], ...]) -> Iterator[str]:
        try:
            numbers = [class_numbers(group, self.class_names, self.num_classes) for group in groups]
        except ValueError as error:
            yield f"classes: {error}"
            return
        if not all(numbers) or not numbers:
            yield "classes: each task must have at least one class"
        times = Counter(number for group in numbers for number in group)
        if twice := [self._name(number) for number in times if times[number] > 1]:
            yield f"classes: {shorten(twice)} named twice; each class must be in one task"
        if missing := [self._name(n) for n in range(self.num_classes) if n not in times]:
            yield f"classes: {shorten(missing)} in no task; each class must be in one task"

    def _name(self, number: int) -> ClassName:
        return self.class_names[number] if self.class_names else number

    def _find_wrong_order(self) -> Iterator[str]:
        sizes, count = self.sizes, self.num_classes
        equal = self.step is None and self.classes is None and self.classes_per_task is None
        if equal and count % len(sizes):
            divisors = [str(n) for n in range(1, count + 1) if count % n == 0]
            yield (
                f"num_tasks: {len(sizes)} does not divide the {count} classes of {self.dataset}; "
                f"valid: {', '.join(divisors)}; or give classes_per_task"
            )
        elif self.num_tasks not in (None, len(sizes)):
            ways = ", ".join(name for name in SIZE_FIELDS if getattr(self, name) is not None)
            yield f"num_tasks: {self.num_tasks}; {len(sizes)} by {ways}, so leave it out"
        elif not self._is_order():
            own = (
                ""
                if self.classes is not None
                else (f", or of all {count} classes, or {{seed: 1993, generator: numpy}}")
            )
            tasks = f"a list of the tasks 1..{len(sizes)}, each once"
            yield f"order: {order_text(self.order)}; valid: natural, seeded, or {tasks}{own}"

    def _is_order(self) -> bool:
        if self.order in ("natural", "seeded") or is_task_order(self.order, len(self.sizes)):
            return True
        if self.classes is not None or isinstance(self.order, str):
            return False
        try:
            ordered = order_classes(
                self.order, self.class_names, self.num_classes, len(self.sizes), 0
            )
        except ValueError:
            return False
        return sorted(ordered) == list(range(self.num_classes))


def order_text(order: Order) -> str:
    """Return an order as text for a message."""
    if isinstance(order, PublishedOrder):
        return str(order)
    return shorten(order if isinstance(order, str) else [*order])


def shorten(value: object) -> str:
    """Return a value as text of at most `SHORT` characters."""
    text = repr(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."

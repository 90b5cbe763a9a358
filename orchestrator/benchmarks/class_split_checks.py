"""Checks of a split of classes into tasks; each mistake begins with its field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from orchestrator.benchmarks.class_split import DEFAULT_TASKS, SIZE_FIELDS, ClassSplit
from orchestrator.benchmarks.orders import (
    ClassName,
    PublishedOrder,
    TaskOrder,
    class_numbers,
    is_task_order,
    order_classes,
)

SHORT = 60  # characters of a value in a message


def find_mistakes_in_split(split: ClassSplit) -> Iterator[str]:
    """Yield a line per mistake, which begins with the field; counts are at least 1."""
    wrong = [*_find_wrong_fields(split), *_find_wrong_sizes(split)]
    yield from wrong
    if not wrong:
        yield from _find_wrong_order(split)


def _find_wrong_fields(split: ClassSplit) -> Iterator[str]:
    given = [name for name in SIZE_FIELDS if getattr(split, name) is not None]
    ways = list(dict.fromkeys("step" if name == "first" else name for name in given))
    if len(ways) > 1:
        yield f"{given[0]}: the sizes of tasks are given twice, by {' and '.join(given)} too"
    elif split.first is not None and split.step is None:
        yield f"first: {split.first} needs a step, the number of classes of each further task"


def _find_wrong_sizes(split: ClassSplit) -> Iterator[str]:
    count = split.num_classes
    if split.classes is not None:
        yield from _find_wrong_classes(split, split.classes)
    sizes = split.classes_per_task
    if sizes is not None and (sum(sizes) != count or min(sizes) < 1):
        total = f"add up to {sum(sizes)}"
        valid = f"numbers from 1 on that add up to the {count} classes of {split.dataset}"
        yield f"classes_per_task: {short_repr(list(sizes))} {total}; valid: {valid}"
    for name in ("first", "step"):
        if (getattr(split, name) or 0) > count:
            most = f"at most the {count} classes of {split.dataset}"
            yield f"{name}: {getattr(split, name)}; must be {most}"
            return


def _find_wrong_classes(
    split: ClassSplit, groups: tuple[tuple[ClassName, ...], ...]
) -> Iterator[str]:
    try:
        numbers = [class_numbers(group, split.class_names, split.num_classes) for group in groups]
    except ValueError as error:
        yield f"classes: {error}"
        return
    if not all(numbers) or not numbers:
        yield "classes: each task must have at least one class"
    times = Counter(number for group in numbers for number in group)
    if twice := [_name(split, number) for number in times if times[number] > 1]:
        yield f"classes: {short_repr(twice)} named twice; each class must be in one task"
    if missing := [_name(split, n) for n in range(split.num_classes) if n not in times]:
        yield f"classes: {short_repr(missing)} in no task; each class must be in one task"


def _name(split: ClassSplit, number: int) -> ClassName:
    return split.class_names[number] if split.class_names else number


def _find_wrong_order(split: ClassSplit) -> Iterator[str]:
    count = split.num_classes
    equal = split.step is None and split.classes is None and split.classes_per_task is None
    # Without the sizes of its tasks, which may be any number.
    num_tasks = split.num_tasks or DEFAULT_TASKS
    if equal and count % num_tasks:
        default = ", the default," if split.num_tasks is None else ""
        divisors = [str(n) for n in range(1, count + 1) if count % n == 0]
        yield (
            f"num_tasks: {num_tasks}{default} does not divide the {count} classes of "
            f"{split.dataset}; valid: {', '.join(divisors)}; or give classes_per_task, classes, "
            "or first and step"
        )
        return
    sizes = split.sizes
    if split.num_tasks not in (None, len(sizes)):
        ways = ", ".join(name for name in SIZE_FIELDS if getattr(split, name) is not None)
        yield f"num_tasks: {split.num_tasks}; {len(sizes)} by {ways}, so leave it out"
    elif not _is_order(split):
        own = (
            ""
            if split.classes is not None
            else (f", or of all {count} classes, or {{seed: 1993, generator: numpy}}")
        )
        tasks = f"a list of the tasks 1..{len(sizes)}, each once"
        yield f"order: {order_text(split.order)}; valid: natural, seeded, or {tasks}{own}"


def _is_order(split: ClassSplit) -> bool:
    if split.order in ("natural", "seeded") or is_task_order(split.order, len(split.sizes)):
        return True
    if split.classes is not None or isinstance(split.order, str):
        return False
    try:
        ordered = order_classes(
            split.order, split.class_names, split.num_classes, len(split.sizes), 0
        )
    except ValueError:
        return False
    return sorted(ordered) == list(range(split.num_classes))


def order_text(order: TaskOrder) -> str:
    """Return an order as text for a message."""
    if isinstance(order, PublishedOrder):
        return str(order)
    return short_repr(order if isinstance(order, str) else [*order])


def short_repr(value: object) -> str:
    """Return a value as text of at most `SHORT` characters."""
    text = repr(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."

"""Orders of classes and of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import torch

from orchestrator.seeding import numpy_permutation, stream

ClassName = int | str  # the number of a class, or its name


@dataclass(frozen=True, kw_only=True)
class PublishedOrder:
    """A random order of classes that other code draws as well.

    Attributes:
        seed: of the generator.
        generator: "numpy": `np.random.seed(seed); np.random.permutation(num_classes)`, by which
            PyCIL and the code of iCaRL's followers draw theirs, 1993 being the usual seed.
    """

    seed: int
    generator: Literal["numpy"] = "numpy"

    def __str__(self) -> str:
        return f"{{seed: {self.seed}, generator: {self.generator}}}"


TaskOrder = Literal["natural", "seeded"] | PublishedOrder | tuple[ClassName, ...]


def read_published_order(given: Mapping[str, Any]) -> PublishedOrder:
    """Return an order given by keys and values.

    Raises:
        ValueError: it is none.
    """
    seed = given.get("seed")
    known = {*given} <= {"seed", "generator"} and given.get("generator", "numpy") == "numpy"
    if not known or type(seed) is not int or not 0 <= seed < 2**32:
        raise ValueError(f"order: {dict(given)}; valid: {{seed: 0 to 2^32 - 1, generator: numpy}}")
    return PublishedOrder(seed=seed)


def is_task_order(order: TaskOrder, num_tasks: int) -> TypeGuard[tuple[int, ...]]:
    """Return whether an order lists the tasks 1..T, each once."""
    if isinstance(order, str | PublishedOrder) or not all(type(each) is int for each in order):
        return False
    return sorted(map(int, order)) == list(range(1, num_tasks + 1))


def class_numbers(given: Sequence[ClassName], names: Sequence[str], num_classes: int) -> list[int]:
    """Return the numbers of classes that are given by name or by number.

    Args:
        given: the classes.
        names: the names of the classes of the data set, in the order of their numbers, if it has
            any; what is a name, as text, is that class.
        num_classes: classes of the data set.

    Raises:
        ValueError: there is no such class.
    """
    numbers: Mapping[object, int] = {
        **{number: number for number in range(num_classes)},
        **{name: number for number, name in enumerate(names)},
    }
    unknown = [each for each in given if str(each) not in numbers and each not in numbers]
    if unknown:
        valid = f"0 to {num_classes - 1}" + (f", or {', '.join(names)}" if names else "")
        raise ValueError(f"there is no class {unknown[0]!r}; valid: {valid}")
    # A class named "3" is meant by 3, before the class of that number.
    return [numbers[each if str(each) not in numbers else str(each)] for each in given]


def order_classes(
    order: TaskOrder, names: Sequence[str], num_classes: int, num_tasks: int, seed: int
) -> list[int]:
    """Return the numbers of all classes in an order; an order of tasks leaves them in place.

    Raises:
        ValueError: the order has an unknown class.
    """
    if isinstance(order, PublishedOrder):
        return numpy_permutation(order.seed, num_classes)
    if order == "seeded":
        return torch.randperm(num_classes, generator=stream(seed, "class order")).tolist()
    if order == "natural" or is_task_order(order, num_tasks):
        return list(range(num_classes))
    return class_numbers(order, names, num_classes)


def order_tasks(order: TaskOrder, num_tasks: int, seed: int) -> tuple[int, ...]:
    """Return the natural tasks 1..T in the order that the sequence has them."""
    if is_task_order(order, num_tasks):
        return order
    if order == "seeded":
        places = torch.randperm(num_tasks, generator=stream(seed, "task order")).tolist()
        return tuple(place + 1 for place in places)
    return tuple(range(1, num_tasks + 1))

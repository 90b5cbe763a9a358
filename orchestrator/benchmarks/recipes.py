"""Recipes of tasks: the classes, labels and transformation of each task of a sequence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from methods.base import neutral
from orchestrator.benchmarks.class_split import ClassSplit
from orchestrator.benchmarks.datasets import dataset_facts
from orchestrator.benchmarks.orders import Order, order_tasks


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that can change the images and labels of a task, and nothing else.

    Attributes:
        classes: of the data set, in increasing order.
        labels: the head's output for each of `classes`.
        permutation: the stream of its pixel permutation; None leaves the pixels in place.
        degrees: rotation, anticlockwise.
        draw: the stream that chooses validation and training examples; None keeps all.
        sample: the stream that chooses `samples_per_task` of the training examples; None where the
            draw chooses them, since no image is in two tasks.
    """

    dataset: str
    classes: tuple[int, ...] = ()
    labels: tuple[int, ...] = ()
    permutation: tuple[Any, ...] | None = None
    degrees: float = 0.0
    validation: float = 0.0
    samples_per_task: int | None = None
    draw: tuple[Any, ...] | None = None
    sample: tuple[Any, ...] | None = neutral(None)


@lru_cache(maxsize=256)
def split_recipes(split: ClassSplit, scenario: str, seed: int, base: Recipe) -> tuple[Recipe, ...]:
    """Return the recipes of a sequence whose tasks have classes of their own, in its order.

    Args:
        split: of the classes.
        scenario: "task", "domain" or "class"; in the domain scenario a task of k classes has the
            first k outputs, in the others each class has its own.
        seed: of orders and draws.
        base: has the data set, the validation share and the number of samples of each task.
    """
    recipes = []
    for classes in split.groups(seed):
        labels = tuple(range(len(classes))) if scenario == "domain" else classes
        recipes.append(_add_draw(replace(base, classes=classes, labels=labels), classes, seed))
    return tuple(recipes)


@lru_cache(maxsize=256)
def shared_recipes(
    transformation: str, scenario: str, num_tasks: int, order: Order, seed: int, base: Recipe
) -> tuple[Recipe, ...]:
    """Return the recipes of a sequence whose tasks transform the same images, in its order.

    Args:
        transformation: "permuted" or "rotated".
        scenario: "task", "domain" or "class"; decides which outputs stand for the classes.
        num_tasks: T.
        order: "natural", "seeded", or the natural tasks' numbers in the order wanted.
        seed: of permutations, orders and draws.
        base: has the data set, the validation share and the number of samples of each task.
    """
    recipes = [
        _shared_recipe(
            k, scenario, seed, base, **_describe_change(transformation, k, num_tasks, seed)
        )
        for k in range(num_tasks)
    ]
    return tuple(recipes[number - 1] for number in order_tasks(order, num_tasks, seed))


def _describe_change(name: str, k: int, num_tasks: int, seed: int) -> dict[str, Any]:
    """Return the fields of a recipe that describe how task k + 1 changes the images."""
    if name == "rotated":
        return {"degrees": 180 * k / num_tasks}
    # The first task keeps its pixels in place, as is usual.
    return {"permutation": (seed, k, "permutation") if k else None}


def _shared_recipe(k: int, scenario: str, seed: int, base: Recipe, **content: Any) -> Recipe:
    """Return a recipe of a sequence whose tasks transform the same images.

    One draw holds the validation images of all tasks, so that none is a training image of another
    task. Samples are drawn anew for each task.
    """
    count = dataset_facts(base.dataset).num_classes
    first = 0 if scenario == "domain" else k * count
    sampled = base.samples_per_task is not None
    recipe = replace(
        base,
        classes=tuple(range(count)),
        labels=tuple(range(first, first + count)),
        sample=(seed, *content.values(), "sample") if sampled else None,
        **content,
    )
    return _add_draw(recipe, "all tasks", seed)


def _add_draw(recipe: Recipe, identity: object, seed: int) -> Recipe:
    """Return a recipe with its draw; `identity` tells it from other draws of the sequence."""
    if recipe.validation == 0 and recipe.samples_per_task is None:
        return recipe
    return replace(recipe, draw=(seed, identity, "validation"))

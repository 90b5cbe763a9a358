"""Recipes of tasks: the classes, labels and transformation of each task of a sequence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from methods.base import neutral
from orchestrator.benchmarks.class_split import ClassSplit
from orchestrator.benchmarks.datasets.dataset import dataset_facts
from orchestrator.benchmarks.orders import TaskOrder, order_tasks
from orchestrator.benchmarks.sources.feature_set import FeatureSet
from orchestrator.benchmarks.sources.own_data import OWN_DATA
from orchestrator.benchmarks.task_changes import RecipeFields


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
        imbalance: size of the last class relative to the first; None keeps all.
        noise: the share of wrong training labels, and the stream that chooses them.
        corruption: of its images, and the stream of the noise.
        shape: that its images are brought to; None is their own.
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
    imbalance: float | None = neutral(None)
    noise: tuple[Any, ...] | None = neutral(None)
    corruption: tuple[Any, ...] | None = neutral(None)
    shape: tuple[int, ...] | None = neutral(None)


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
        # Domain-incremental tasks share their outputs; else an output stands for one class.
        labels = tuple(range(len(classes))) if scenario == "domain" else classes
        recipes.append(_add_draw(replace(base, classes=classes, labels=labels), classes, seed))
    return tuple(recipes)


@lru_cache(maxsize=256)
def shared_recipes(
    changes: tuple[RecipeFields, ...], scenario: str, order: TaskOrder, seed: int, base: Recipe
) -> tuple[Recipe, ...]:
    """Return the recipes of a sequence whose tasks have all classes of a data set, in its order.

    Args:
        changes: of each natural task, what tells its images from those of other tasks.
        scenario: "task", "domain" or "class"; decides which outputs stand for the classes.
        order: "natural", "seeded", or the natural tasks' numbers in the order wanted.
        seed: of orders and draws.
        base: has the data set, the validation share and the number of samples of each task.
    """
    recipes = [_shared_recipe(k, scenario, seed, base, **dict(c)) for k, c in enumerate(changes)]
    return tuple(recipes[number - 1] for number in order_tasks(order, len(changes), seed))


def _shared_recipe(
    k: int, scenario: str, seed: int, base: Recipe, first: int | None = None, **content: Any
) -> Recipe:
    """Return a recipe of a sequence whose tasks have all classes of a data set.

    One draw holds the validation images of all tasks, so that none is a training image of another
    task. Samples are drawn anew for each task.

    Args:
        k: number of the natural task, from 0.
        scenario: decides which outputs stand for the classes.
        seed: of the draws.
        base: the common fields.
        first: output of the first class; None if each task has the same classes.
        content: the fields in which tasks differ.
    """
    count = dataset_facts(content.get("dataset", base.dataset)).num_classes
    if first is None:
        # Tasks of the same classes need outputs of their own where the task decides.
        first = 0 if scenario == "domain" else k * count
    sampled = base.samples_per_task is not None
    recipe = replace(
        base,
        classes=tuple(range(count)),
        labels=tuple(range(first, first + count)),
        sample=(seed, *_image_identity(content), "sample") if sampled else None,
        **content,
    )
    return _add_draw(recipe, "all tasks", seed)


def _image_identity(content: dict[str, Any]) -> tuple[Any, ...]:
    """Return the identity of the images that a task's samples are drawn from."""
    data = OWN_DATA.get(content.get("dataset", ""))
    if not isinstance(data, FeatureSet):
        return tuple(content.values())
    # The same rows whether images pass through a body or features stand for them.
    shape = data.image_shape
    resized = shape != dataset_facts(data.images_name).input_shape
    return (data.images_name, *((shape,) if resized else ()))


def _add_draw(recipe: Recipe, identity: object, seed: int) -> Recipe:
    """Return a recipe with its draws; `identity` distinguishes them within the sequence."""
    if recipe.noise is not None:
        recipe = replace(recipe, noise=(*recipe.noise, seed, identity, "label noise"))
    # Without a draw the choice of examples does not depend on the seed, and so neither does the
    # key.
    if recipe.validation == 0 and recipe.samples_per_task is None and recipe.imbalance is None:
        return recipe
    return replace(recipe, draw=(seed, identity, "validation"))

"""Tasks: the images and labels of a recipe, built on first access.

Shape legend: N examples, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from methods.base import Examples
from methods.examples import take_rows
from orchestrator.benchmarks.datasets.dataset import Dataset, dataset_facts, load_dataset
from orchestrator.benchmarks.draws import class_rows, draw_rows, noisy_labels
from orchestrator.benchmarks.recipes import Recipe
from orchestrator.benchmarks.split_cache import SplitCache
from orchestrator.benchmarks.transformations import transform
from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest

VERSION = 1  # raised by hand when a recipe gives other tensors

# Cached splits of a process: 32 of permuted MNIST, or all of 100 tasks of CIFAR-100.
SPLITS = SplitCache(512 * 2**20)


class Task:
    """A task of the sequence; its tensors are built on first access.

    Attributes:
        index: its place in the sequence, 1..T.
        classes: the outputs of the head that its labels use.
    """

    def __init__(self, index: int, recipe: Recipe) -> None:
        self.index = index
        self.classes = recipe.labels
        self._recipe = recipe

    @property
    def key(self) -> str:
        """Key of the content: it changes with any image or label, not with the task's place.

        Raises:
            RepertoireError: the data set has no image to train on, or none to test.
        """
        return task_keys([self._recipe])[0]

    @property
    def train(self) -> Examples:
        """The training examples: uint8 [N, c, h, w] or float32 [N, d], labels int64 [N]."""
        return _split(self._recipe, "train")

    @property
    def validation(self) -> Examples:
        """Examples held out of the data set's training images."""
        return _split(self._recipe, "validation")

    @property
    def num_validation(self) -> int:
        """Number of examples that are held out; builds none of them."""
        return _num_examples(self._recipe)["validation"]

    @property
    def num_train(self) -> int:
        """Number of examples to train on; builds none of them."""
        return _num_examples(self._recipe)["train"]

    @property
    def class_sizes(self) -> tuple[int, ...]:
        """Number of training examples with each label of `classes`; builds none of them."""
        return _count_labels(self._recipe, load_dataset(self._recipe.dataset).fingerprint)

    @property
    def test(self) -> Examples:
        """The data set's own test images of this task's classes."""
        return _split(self._recipe, "test")


def task_keys(recipes: Sequence[Recipe]) -> tuple[str, ...]:
    """Return the keys of tasks."""
    names = dict.fromkeys(recipe.dataset for recipe in recipes)
    identities = {name: (dataset_facts(name).version, load_dataset(name)) for name in names}
    versions = [identities[recipe.dataset] for recipe in recipes]
    return tuple(
        _key(recipe, VERSION, version, data.fingerprint)
        for recipe, (version, data) in zip(recipes, versions, strict=True)
    )


@lru_cache(maxsize=4096)
def _key(recipe: Recipe, tasks: int, dataset: int, fingerprint: str) -> str:
    _require_images(recipe)
    versions = {"tasks": tasks, "dataset": dataset}
    content = {"recipe": recipe, "versions": versions, "fingerprint": fingerprint}
    return digest("task", content)


def _require_images(recipe: Recipe) -> None:
    data = load_dataset(recipe.dataset)
    for part, y in (("training", data.train_y), ("test", data.test_y)):
        if len(class_rows(recipe, y)) == 0:
            present = ", ".join(map(str, sorted(set(y.tolist()))))
            raise RepertoireError(
                f"data set {data.name!r} has no {part} images of a task, that of classes "
                f"{', '.join(map(str, recipe.classes))}; its {len(y)} {part} images are of "
                f"classes {present}. Get its files again, or name other tasks"
            )


def _split(recipe: Recipe, split: str) -> Examples:
    """Return one split of a task, from memory if it is cached."""
    data = load_dataset(recipe.dataset)
    name = (recipe, split, data.fingerprint)
    return SPLITS.get(name, lambda: _build(data, recipe, split))


def _build(data: Dataset, recipe: Recipe, split: str) -> Examples:
    x, y = (data.test_x, data.test_y) if split == "test" else (data.train_x, data.train_y)
    rows = class_rows(recipe, y) if split == "test" else _draw_rows(recipe)[split]
    num_classes = dataset_facts(recipe.dataset).num_classes
    if split == "train":
        y = noisy_labels(recipe, y, num_classes)
    # -1 for the classes of other tasks, which no row has.
    output = torch.full((num_classes,), -1)
    output[list(recipe.classes)] = torch.tensor(recipe.labels)
    return Examples(transform(recipe, take_rows(x, rows), split), output[y[rows]])


def _num_examples(recipe: Recipe) -> dict[str, int]:
    return _count_rows(recipe, load_dataset(recipe.dataset).fingerprint)


# A plan asks for them at each cell and seed, and a draw orders the whole data set.
@lru_cache(maxsize=4096)
def _count_rows(recipe: Recipe, fingerprint: str) -> dict[str, int]:
    return {split: len(rows) for split, rows in _draw_rows(recipe).items()}


@lru_cache(maxsize=4096)
def _count_labels(recipe: Recipe, fingerprint: str) -> tuple[int, ...]:
    num_classes = dataset_facts(recipe.dataset).num_classes
    y = noisy_labels(recipe, load_dataset(recipe.dataset).train_y, num_classes)
    counts = y[_draw_rows(recipe)["train"]].bincount(minlength=num_classes)
    return tuple(counts[list(recipe.classes)].tolist())


def _draw_rows(recipe: Recipe) -> dict[str, Tensor]:
    y = load_dataset(recipe.dataset).train_y
    return draw_rows(recipe, y, dataset_facts(recipe.dataset).num_classes)

"""Tasks: the images and labels of a recipe, built on first access.

Shape legend: N examples, c channels, h rows, w columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from math import cos, prod, radians, sin

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.base import Examples
from orchestrator.benchmarks.datasets import Dataset, dataset_facts, load_dataset
from orchestrator.benchmarks.recipes import Recipe
from orchestrator.benchmarks.split_cache import SplitCache
from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest
from orchestrator.seeding import stratified_order, stream

VERSION = 1  # raised by hand when a recipe gives other tensors

# Cached splits of a process: 32 of permuted MNIST, or all of 100 tasks of CIFAR-100.
SPLITS = SplitCache(512 * 2**20)

# Images rotated at once: few enough to fit the processor's cache.
CHUNK = 256


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
        return task_keys(self._recipe.dataset, [self._recipe])[0]

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
        return len(_draw_rows(self._recipe)["validation"])

    @property
    def num_train(self) -> int:
        """Number of examples to train on; builds none of them."""
        return len(_draw_rows(self._recipe)["train"])

    @property
    def test(self) -> Examples:
        """The data set's own test images of this task's classes."""
        return _split(self._recipe, "test")


def task_keys(dataset: str, recipes: Iterable[Recipe]) -> tuple[str, ...]:
    """Return the keys of tasks of one data set."""
    data = load_dataset(dataset)
    version = dataset_facts(dataset).version
    return tuple(_key(recipe, VERSION, version, data.fingerprint) for recipe in recipes)


@lru_cache(maxsize=4096)
def _key(recipe: Recipe, tasks: int, dataset: int, fingerprint: str) -> str:
    _require_images(recipe)
    versions = {"tasks": tasks, "dataset": dataset}
    content = {"recipe": recipe, "versions": versions, "fingerprint": fingerprint}
    return digest("task", content)


def _require_images(recipe: Recipe) -> None:
    data = load_dataset(recipe.dataset)
    for part, y in (("training", data.train_y), ("test", data.test_y)):
        if len(_rows(recipe, y)) == 0:
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
    rows = _rows(recipe, y) if split == "test" else _draw_rows(recipe)[split]
    output = torch.full((dataset_facts(recipe.dataset).num_classes,), -1)
    output[list(recipe.classes)] = torch.tensor(recipe.labels)
    return Examples(_transform(recipe, x[rows]), output[y[rows]])


def _rows(recipe: Recipe, y: Tensor) -> Tensor:
    return torch.isin(y, torch.tensor(recipe.classes)).nonzero().squeeze(1)


def _draw_rows(recipe: Recipe) -> dict[str, Tensor]:
    """Return the rows of the data set's training images that are for training and validation."""
    y = load_dataset(recipe.dataset).train_y
    rows = _rows(recipe, y)
    if recipe.draw is None:
        return {"train": rows, "validation": rows[:0]}
    rows = rows[stratified_order(y[rows], stream(*recipe.draw))]
    num_validation = round(recipe.validation * len(rows))
    validation, train = rows[:num_validation], rows[num_validation:]
    if recipe.sample is not None:
        train = train[stratified_order(y[train], stream(*recipe.sample))]
    train = train[: recipe.samples_per_task]
    return {"train": train.sort().values, "validation": validation.sort().values}


def _transform(recipe: Recipe, x: Tensor) -> Tensor:
    if recipe.permutation is not None:
        # The pixels of each channel, or the features.
        places = prod(x.shape[2:]) if x.ndim == 4 else x.shape[1]
        order = torch.randperm(places, generator=stream(*recipe.permutation))
        x = permute_pixels(x, order)
    return rotate_images(x, recipe.degrees)


def permute_pixels(x: Tensor, permutation: Tensor) -> Tensor:
    """Return images [N, c, h, w] of which pixel i, row by row, is pixel `permutation[i]` of `x`.

    The same of features [N, d].
    """
    return x.reshape(-1, len(permutation)).index_select(1, permutation).view_as(x)


def rotate_images(x: Tensor, degrees: float) -> Tensor:
    """Return uint8 images [N, c, h, w] rotated anticlockwise; pixels from outside are black."""
    if degrees == 0:
        return x
    count, channels, height, width = x.shape
    along, across = cos(radians(degrees)), sin(radians(degrees))
    # The source of each pixel, in coordinates of [-1, 1] along both sides.
    theta = torch.tensor(
        [[[along, -across * height / width, 0], [across * width / height, along, 0]]]
    )
    grid = F.affine_grid(theta, [1, 1, height, width], align_corners=False)
    # One grid serves all images when they are taken as channels of one image.
    chunks = [
        F.grid_sample(chunk.float().unsqueeze(0), grid, align_corners=False)
        .squeeze(0)
        .round_()
        .to(torch.uint8)
        for chunk in torch.split(x.flatten(0, 1), CHUNK)
    ]
    return torch.cat(chunks).view(count, channels, height, width) if chunks else x

"""Tasks: from a recipe and a data set to images and labels, built when asked for.

Shape legend: N examples, c channels, h rows, w columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.base import Examples
from orchestrator.datasets import DATASETS, Dataset, load, stratified_order
from orchestrator.hashing import digest
from orchestrator.seeding import stream

VERSION = 1  # raised by hand when a recipe gives other tensors

# Images rotated at once: few enough that they stay in the processor's cache.
CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that can change a task's images and labels, and nothing else.

    Attributes:
        classes: of the data set, in increasing order.
        labels: the head's output for each of `classes`.
        permutation: the stream of its pixel permutation; None leaves the pixels in place.
        degrees: rotation, anticlockwise.
        draw: the stream that chooses validation and training examples; None keeps all.
    """

    dataset: str
    classes: tuple[int, ...]
    labels: tuple[int, ...]
    permutation: tuple[Any, ...] | None = None
    degrees: float = 0.0
    validation: float = 0.0
    samples_per_task: int | None = None
    draw: tuple[Any, ...] | None = None


class Task:
    """A task of the sequence; its tensors are built when first asked for.

    Attributes:
        index: its place in the sequence, 1..T.
        classes: the outputs of the head that its labels use.
    """

    def __init__(self, index: int, recipe: Recipe) -> None:
        self.index = index
        self.classes = recipe.labels
        self._recipe = recipe

    @cached_property
    def key(self) -> str:
        """What the task is: changes with any of its images and labels, not with its place."""
        data = load(self._recipe.dataset)
        versions = {"tasks": VERSION, "dataset": DATASETS[data.name].version}
        return digest(
            "task", {"recipe": self._recipe, "versions": versions, "fingerprint": data.fingerprint}
        )

    @cached_property
    def train(self) -> Examples:
        """The training examples: uint8 images [N, c, h, w], labels int64 [N]."""
        return self._examples(self._data.train_x, self._data.train_y, self._drawn[0])

    @cached_property
    def validation(self) -> Examples:
        """Examples held out of the data set's training images."""
        return self._examples(self._data.train_x, self._data.train_y, self._drawn[1])

    @cached_property
    def test(self) -> Examples:
        """The data set's own test images of this task's classes."""
        return self._examples(self._data.test_x, self._data.test_y, self._rows(self._data.test_y))

    @property
    def _data(self) -> Dataset:
        return load(self._recipe.dataset)

    def _rows(self, y: Tensor) -> Tensor:
        return torch.isin(y, torch.tensor(self._recipe.classes)).nonzero().squeeze(1)

    @cached_property
    def _drawn(self) -> tuple[Tensor, Tensor]:
        """Rows of the data set's training images for training and for validation."""
        rows = self._rows(self._data.train_y)
        if self._recipe.draw is None:
            return rows, rows[:0]
        rows = rows[stratified_order(self._data.train_y[rows], stream(*self._recipe.draw))]
        held_out = round(self._recipe.validation * len(rows))
        validation, train = rows[:held_out], rows[held_out:][: self._recipe.samples_per_task]
        return train.sort().values, validation.sort().values

    def _examples(self, x: Tensor, y: Tensor, rows: Tensor) -> Examples:
        output = torch.full((DATASETS[self._recipe.dataset].num_classes,), -1)
        output[list(self._recipe.classes)] = torch.tensor(self._recipe.labels)
        return Examples(self._transformed(x[rows]), output[y[rows]])

    def _transformed(self, x: Tensor) -> Tensor:
        if self._recipe.permutation is not None:
            x = permuted(
                x, torch.randperm(x[0, 0].numel(), generator=stream(*self._recipe.permutation))
            )
        return rotated(x, self._recipe.degrees)


def permuted(x: Tensor, permutation: Tensor) -> Tensor:
    """Return images [N, c, h, w] whose pixel i, by rows, is pixel `permutation[i]` of `x`."""
    return x.reshape(-1, len(permutation)).index_select(1, permutation).view_as(x)


def rotated(x: Tensor, degrees: float) -> Tensor:
    """Return uint8 images [N, c, h, w] turned anticlockwise, black from outside."""
    if degrees == 0:
        return x
    count, channels, height, width = x.shape
    along, across = cos(radians(degrees)), sin(radians(degrees))
    # Where each pixel comes from, in coordinates that run over [-1, 1] along both sides.
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

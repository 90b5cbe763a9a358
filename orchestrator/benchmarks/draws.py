"""Which images of a data set a task trains and validates on, and under which labels.

Validation images are drawn first, so that neither imbalance nor samples nor noise change them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from orchestrator.benchmarks.recipes import Recipe
from orchestrator.seeding import stratified_order, stream


def class_rows(recipe: Recipe, y: Tensor) -> Tensor:
    """Return the rows with a label of the task."""
    return torch.isin(y, torch.tensor(recipe.classes)).nonzero().squeeze(1)


def draw_rows(recipe: Recipe, y: Tensor, num_classes: int) -> dict[str, Tensor]:
    """Return the rows of training and of validation images, sorted.

    Args:
        recipe: of the task.
        y: training labels of the data set [N].
        num_classes: of the data set.
    """
    validation, train = _draw_pools(recipe, y, num_classes)
    if recipe.sample is not None:
        train = train[stratified_order(y[train], stream(*recipe.sample))]
    if recipe.draw is not None:
        train = train[: recipe.samples_per_task]
    return {"train": train.sort().values, "validation": validation.sort().values}


def _draw_pools(recipe: Recipe, y: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the rows of validation, and those that training samples are drawn from."""
    rows = class_rows(recipe, y)
    if recipe.draw is None:
        return rows[:0], rows
    rows = rows[stratified_order(y[rows], stream(*recipe.draw))]
    num_validation = round(recipe.validation * len(rows))
    validation, train = rows[:num_validation], rows[num_validation:]
    if recipe.imbalance is not None:
        # Of the whole data set, not of the task: class c has the same size in whichever task it is.
        largest = round((1 - recipe.validation) * int(y.bincount().max()))
        train = train[_keep_long_tail(y[train], recipe.imbalance, largest, num_classes)]
        # Stratified anew: what the cut left is in an order that the former sizes of classes
        # decided.
        train = train[stratified_order(y[train], stream(*recipe.draw, "imbalance"))]
    return validation, train


def _keep_long_tail(y: Tensor, imbalance: float, largest: int, num_classes: int) -> Tensor:
    """Return the places of the first n_c examples of each class c in `y`."""
    counts = torch.tensor(long_tail(imbalance, largest, num_classes))
    order = torch.argsort(y, stable=True)
    sizes = y.bincount(minlength=num_classes)
    # The place of each example among those of its class.
    rank = torch.empty_like(y)
    rank[order] = torch.arange(len(y)) - (sizes.cumsum(0) - sizes)[y[order]]
    return (rank < counts[y]).nonzero().squeeze(1)


def long_tail(imbalance: float, largest: int, num_classes: int) -> list[int]:
    """Return the number of examples of each class c of C: `largest imbalance^(c / (C - 1))`.

    Reference: Cui et al. 2019, Class-balanced loss based on effective number of samples, CVPR,
        section 5.1, long-tailed CIFAR.
    Deviations: each class keeps at least one.
    """
    last = max(num_classes - 1, 1)
    # The margin is for powers that are a last bit below a whole number.
    return [max(int(largest * imbalance ** (c / last) + 1e-9), 1) for c in range(num_classes)]


def noisy_labels(recipe: Recipe, y: Tensor, num_classes: int) -> Tensor:
    """Return the training labels [N], a share of them replaced by other classes of the task.

    It is a share of the training examples before samples are drawn, so that an image that several
    tasks have has one label in all of them.

    Reference: van Rooyen et al. 2015, Learning with symmetric label noise, NeurIPS.
    Deviations: the number of wrong labels is exact; the other class is of the task.
    """
    if recipe.noise is None:
        return y
    share, *purpose = recipe.noise
    _, pool = _draw_pools(recipe, y, num_classes)
    generator = stream(*purpose)
    pool = pool.sort().values[torch.randperm(len(pool), generator=generator)]
    wrong = pool[: round(share * len(pool))]
    classes = torch.tensor(recipe.classes)
    places = torch.searchsorted(classes, y[wrong])
    steps = torch.randint(1, len(classes), (len(wrong),), generator=generator)
    noisy = y.clone()
    noisy[wrong] = classes[(places + steps) % len(classes)]
    return noisy

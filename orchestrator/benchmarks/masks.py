"""Masks of the outputs that compete."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from orchestrator.benchmarks.recipes import Recipe


def label_mask(labels: Iterable[int], num_classes: int) -> Tensor:
    """Return bool [C] that is true at some outputs."""
    allowed = torch.zeros(num_classes, dtype=torch.bool)
    allowed[list(labels)] = True
    return allowed


def own_task_mask(recipes: Iterable[Recipe], num_classes: int) -> Tensor:
    """Return bool [C, C]; row y marks the outputs of the task that has label y."""
    allowed = torch.zeros(num_classes, num_classes, dtype=torch.bool)
    for recipe in recipes:
        allowed[list(recipe.labels)] = label_mask(recipe.labels, num_classes)
    return allowed

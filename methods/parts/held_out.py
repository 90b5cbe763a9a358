"""Examples that are held out of the training of a network, so that its scores can be judged.

Reference:
    Wu et al. 2019, Large scale incremental learning, CVPR, section 4: a tenth of the exemplars, and
    as many of each new class.

Deviations:
    The examples are random; a share of the budget is rounded down.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor

import torch
from torch import Tensor

from methods.parts.budget import Budget
from methods.parts.class_balanced import shuffle


def divide_budget(budget: Budget, share: float) -> tuple[Budget, Budget]:
    """Return a share of a budget, rounded down, and the rest."""
    if budget.per_class is not None:
        each = floor(budget.per_class * share + 1e-9)
        rest = budget.per_class - each
        return replace(budget, per_class=each), replace(budget, per_class=rest)
    if budget.examples is None:
        size = floor((budget.size or 0) * share + 1e-9)
        return replace(budget, size=size), replace(budget, size=(budget.size or 0) - size)
    rows = floor(budget.examples * share + 1e-9)
    return replace(budget, examples=rows), replace(budget, examples=budget.examples - rows)


def least_divisible(count: int, share: float) -> int:
    """Return the least budget of which a share, rounded down, and the rest are `count` or more."""
    # The rest is rounded up. A quotient that should be whole may come out a little above it.
    least = max(ceil(count / share - 1e-9), floor((count - 1) / (1 - share)))
    while min(part.examples or 0 for part in divide_budget(Budget(least), share)) < count:
        least += 1
    return least


def hold_out(y: Tensor, room: int, share: float, generator: torch.Generator) -> Tensor:
    """Return random rows: of each label a share, at least 1 and at most `room`, but never all."""
    chosen = [torch.zeros(0, dtype=torch.int64)]
    for label in torch.unique(y):
        rows = shuffle((y == label).nonzero().flatten(), generator)
        count = min(room, max(1, floor(len(rows) * share)), len(rows) - 1)
        chosen.append(rows[:count])
    return torch.cat(chosen).sort().values


def first_of_each(y: Tensor) -> Tensor:
    """Return rows: the first of each label, as many of each as of the rarest."""
    rows = [(y == label).nonzero().flatten() for label in torch.unique(y)]
    count = min(map(len, rows))
    return torch.cat([each[:count] for each in rows])

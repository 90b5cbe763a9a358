"""Class-balanced memories: the same number of examples of every class seen.

State:
    the examples, sorted by class when a task has ended.

Reference:
    Rebuffi et al. 2017, iCaRL, CVPR, algorithm 2: an equal share for every class.

Deviations:
    A class that several tasks have (domain-incremental) shares its rows among the tasks. Examples
    are chosen at random; iCaRL uses herding, see `methods.parts.exemplars`.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from methods.base import Examples, Setting, TaskView
from methods.parts.memory import Memory
from methods.parts.ring import equal_shares


class ClassBalancedMemory(Memory):
    """The same number of random examples of every class seen, chosen when a task ends.

    If a class occurs again in task t, its examples of earlier tasks keep (t-1)/t of its rows.
    """

    balances_classes: ClassVar[bool] = True

    @staticmethod
    def smallest_size(setting: Setting) -> tuple[int, str]:
        """Return one example for each class."""
        return setting.num_classes, "class"

    def begin_task(self, task: TaskView) -> None:
        """Mark all rows as examples of past tasks; the memory changes when the task ends."""
        self.past = self.filled

    def after_step(self, batch: Examples, logits: Tensor | None = None) -> None:
        """Do nothing."""

    def end_task(self, task: TaskView) -> None:
        """Reduce old classes to their new share and fill the rest with the task's examples."""
        # Chosen on the CPU: the generator draws there, and a GPU must choose the same rows.
        old, new = self.y.long().cpu(), task.examples.y.cpu()
        generator = task.stream("memory")
        classes = torch.cat((old, new)).bincount().nonzero().flatten().tolist()
        rows_to_keep, rows_to_add = [], []
        shares = self.shares(len(classes))
        for label, share in zip(classes, shares, strict=True):
            old_rows = self.rank_stored((old == label).nonzero().flatten(), generator)
            new_rows = (new == label).nonzero().flatten()
            # 1/t of the class's rows, rounded up, so that a new task is never left out.
            share_of_new = min(len(new_rows), -(-share // task.index))
            rows_to_keep.append(old_rows[: share - share_of_new])
            # More than 1/t where earlier tasks stored too few of the class.
            room = share - len(rows_to_keep[-1])
            rows_to_add.append(self.rank_new(task.examples, new_rows, room, generator))
        self.replace(torch.cat(rows_to_keep), task.examples, torch.cat(rows_to_add))

    def shares(self, num_classes: int) -> list[int]:
        """Return the rows of each of the classes seen."""
        if self.budget.per_class is not None:
            return [self.budget.per_class] * num_classes
        return equal_shares(self.capacity, num_classes)

    def rank_stored(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the stored rows of a class in the order of preference."""
        return shuffle(rows, generator)

    def rank_new(
        self, examples: Examples, rows: Tensor, count: int, generator: torch.Generator
    ) -> Tensor:
        """Return up to `count` rows of a class among new examples in the order of preference."""
        return shuffle(rows, generator)[:count]

    def replace(self, old_rows: Tensor, examples: Examples, new_rows: Tensor) -> None:
        """Store rows `old_rows` of the memory followed by rows `new_rows` of `examples`."""
        new_rows = new_rows.to(self.y.device)
        self.keep(old_rows)
        self.resize(len(old_rows) + len(new_rows))
        added = torch.arange(len(old_rows), len(self.y), device=new_rows.device)
        self.write(added, examples[new_rows])
        self.filled = len(self.y)


def shuffle(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Return rows in a random order."""
    return rows[torch.randperm(len(rows), generator=generator)]

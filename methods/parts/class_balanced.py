"""Class-balanced memories: the same number of examples of every class met.

State:
    the examples, class by class after the newest task's end.

Reference:
    Rebuffi et al. 2017, iCaRL, CVPR, algorithm 2: an equal share for every class.

Deviations:
    A class met again (domain-incremental) shares its rows among the tasks. The examples kept are
    random ones; iCaRL herds, see `methods.parts.exemplars`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from methods.base import Examples, Setting, TaskView
from methods.parts.memory import Memory
from methods.parts.ring import equal_shares


class ClassBalancedMemory(Memory):
    """The same number of random examples of every class met, chosen when a task ends.

    A class met again shares its rows among tasks: after task t, those held keep (t-1)/t of them.
    """

    @staticmethod
    def least(setting: Setting) -> tuple[int, str]:
        """Return one example for each class."""
        return setting.num_classes, "class"

    def begin_task(self, task: TaskView) -> None:
        """Do nothing but note that all rows are of past tasks: the memory changes at the end."""
        self.past = self.filled

    def after_step(self, batch: Examples, logits: Tensor | None = None) -> None:
        """Do nothing."""

    def end_task(self, task: TaskView) -> None:
        """Trim the classes held to their new share and fill the rest with the task's examples."""
        held, new = self.y.long().cpu(), task.examples.y.cpu()
        generator = task.stream("memory")
        classes = torch.cat((held, new)).bincount().nonzero().flatten().tolist()
        kept, taken = [], []
        shares = equal_shares(self.capacity, len(classes))
        for label, share in zip(classes, shares, strict=True):
            old_rows = self.ranked_held((held == label).nonzero().flatten(), generator)
            new_rows = (new == label).nonzero().flatten()
            share_of_new = min(len(new_rows), -(-share // task.index))
            kept.append(old_rows[: share - share_of_new])
            room = share - len(kept[-1])
            taken.append(self.ranked_new(task.examples, new_rows, room, generator))
        self.replace(torch.cat(kept), task.examples, torch.cat(taken))

    def ranked_held(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the rows of a class that are held, those to keep longest first."""
        return shuffled(rows, generator)

    def ranked_new(
        self, examples: Examples, rows: Tensor, count: int, generator: torch.Generator
    ) -> Tensor:
        """Return up to `count` of a class's rows among new examples, the best first."""
        return shuffled(rows, generator)[:count]

    def replace(self, kept: Tensor, examples: Examples, taken: Tensor) -> None:
        """Hold the rows `kept` of what is held, then the rows `taken` of `examples`."""
        taken = taken.to(self.y.device)
        self.keep(kept)
        self.resize(len(kept) + len(taken))
        self.write(torch.arange(len(kept), len(self.y), device=taken.device), examples[taken])
        self.filled = len(self.y)


def shuffled(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Return rows in a random order."""
    return rows[torch.randperm(len(rows), generator=generator)]

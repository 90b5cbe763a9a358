"""The reservoir: a uniform sample of all examples offered so far.

State, besides the examples:
    offered: int64 scalar, the number of examples offered so far.

Reference:
    Vitter 1985, Random sampling with a reservoir, ACM TOMS 11(1), algorithm R.

Deviations:
    A batch is processed at once; draws are floor(u i) with u of 53 bits. Only the first pass over a
    task's examples is offered, so that several epochs do not fill the memory with copies, unless
    `begin_pass` is called.
"""

from __future__ import annotations

import torch
from torch import Tensor

from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.budget import Budget
from methods.parts.memory import Memory, count_rows


class ReservoirMemory(Memory):
    """A uniform sample of all examples offered so far, each of them offered once."""

    offered: Tensor

    def __init__(self, budget: Budget, outlook: Outlook, logits: bool = False) -> None:
        super().__init__(budget, outlook, logits)
        self.register_buffer("offered", torch.zeros((), dtype=torch.int64))
        # During a task the counts are Python numbers: reading a tensor would wait for the GPU.
        self._offered = self._left = self._size = 0
        self._generator = torch.Generator()

    def begin_task(self, task: TaskView) -> None:
        """Add the rows that this task can fill."""
        self._offered = int(self.offered)
        self._size = len(task.examples)
        self._generator = task.stream("memory")
        self.begin_pass()

    def begin_pass(self) -> None:
        """Let a pass over the task's examples be offered; add the rows that it can fill."""
        self._left = self._size
        self.resize(min(self.capacity, self.filled + self._left))

    def after_step(self, batch: Examples, logits: Tensor | None = None) -> None:
        """Offer the batch, while the task's first pass lasts."""
        # By examples, not by batches: the examples of a pass may end within one.
        if self._left > 0:
            offered_logits = None if logits is None else logits[: self._left]
            self.offer(batch[: self._left], self._generator, offered_logits)
            self._left -= len(batch)

    def end_task(self, task: TaskView) -> None:
        """Drop rows that were not filled and store the count."""
        self.resize(self.filled)
        self.offered.fill_(self._offered)

    def offer(
        self, batch: Examples, generator: torch.Generator, logits: Tensor | None = None
    ) -> None:
        """Store each example with probability capacity / (number offered so far)."""
        capacity = self.capacity
        place = torch.arange(self._offered, self._offered + len(batch))
        u = torch.rand(len(batch), generator=generator, dtype=torch.float64)
        # Algorithm R: the first `capacity` examples fill the rows; the i-th after them takes row
        # floor(u i) if that is one of them.
        row = torch.where(place < capacity, place, (u * (place + 1)).long())
        stored = (row < capacity).nonzero().flatten()
        # Two examples of a batch may draw one row; one by one, the later would replace the earlier.
        last = stored[last_occurrences(row[stored])]
        rows, chosen = (t.to(batch.y.device, non_blocking=True) for t in (row[last], last))
        self.write(rows, batch[chosen], None if logits is None else logits[chosen])
        self._offered += len(batch)
        self.filled = min(capacity, self._offered)


def num_in_reservoir(budget: Budget, setting: Setting, offered: int, logits: bool = False) -> int:
    """Return the number of examples in a reservoir: those offered, up to its capacity."""
    outlook = Outlook(setting.num_classes, setting.input_shape)
    return min(count_rows(ReservoirMemory, budget, outlook, logits), offered)


def last_occurrences(values: Tensor) -> Tensor:
    """Return, for each distinct value of a 1-D tensor, the index of its last occurrence."""
    ordered, order = values.sort(stable=True)
    last = torch.ones_like(ordered, dtype=torch.bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    return order[last]

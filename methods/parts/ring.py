"""Rings: of each task, the examples it was shown last; every task has the same share.

State, beside the examples, which lie task by task, each task's oldest first:
    counts: int64 [K], how many examples each of the K tasks learned has.

Reference:
    Lopez-Paz & Ranzato 2017, Gradient episodic memory, NeurIPS, section 3: "the last m examples
    from each task"; with an unknown number of tasks "m can be gradually reduced".

Deviations:
    With t tasks met, each has floor(capacity / t) rows, and the first (capacity mod t) tasks one
    more; a task keeps its last examples as its share shrinks. Rows that a task with few examples
    leaves empty are not given to others. Only the first pass over a task's examples is shown, so
    that no example is held twice. The authors' code splits the budget by the number of tasks that
    will come, overwrites slots across tasks' boundaries (`mem_cnt` is not reset) and leaves slots
    uninitialised where a task has too few examples; none of that is done here.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.budget import Budget
from methods.parts.memory import Memory


class RingMemory(Memory):
    """The last examples of each task."""

    counts: Tensor

    def __init__(self, budget: Budget, outlook: Outlook, logits: bool = False) -> None:
        super().__init__(budget, outlook, logits)
        self.register_buffer("counts", torch.zeros(outlook.num_learned, dtype=torch.int64))
        self.spans: tuple[slice, ...] = ()
        self._room = self._left = self._shown = 0

    @staticmethod
    def least(setting: Setting) -> tuple[int, str]:
        """Return one example for each task."""
        return setting.num_tasks, "task"

    def begin_task(self, task: TaskView) -> None:
        """Shrink the past tasks to their new share and make room for this one's.

        `spans` then has the rows of each past task that holds any.
        """
        held = self.counts.tolist()
        self.counts = torch.cat((self.counts, self.counts.new_zeros(1)))
        *shares, room = equal_shares(self.capacity, len(held) + 1)
        kept = [min(pair) for pair in zip(held, shares, strict=True)]
        ends = list(accumulate(held))
        rows = [torch.arange(end - n, end) for end, n in zip(ends, kept, strict=True)]
        self.keep(torch.cat([torch.arange(0), *rows]))
        self.counts[:-1] = torch.tensor(kept, dtype=torch.int64)
        last = list(accumulate(kept))
        self.spans = tuple(slice(e - n, e) for e, n in zip(last, kept, strict=True) if n)
        self.past = self.filled
        self._left, self._shown = len(task.examples), 0
        self._room = min(room, self._left)
        self.resize(self.past + self._room)

    def after_step(self, batch: Examples, logits: Tensor | None = None) -> None:
        """Write the batch over the oldest examples of the task, while its first pass lasts."""
        count = min(len(batch), self._left)
        self._left -= count
        self._shown += count
        written = min(count, self._room)
        if written:
            turn = torch.arange(self._shown - written, self._shown, device=self.y.device)
            newest = slice(count - written, count)
            given = None if logits is None else logits[newest]
            self.write(self.past + turn % self._room, batch[newest], given)
            self.filled = self.past + min(self._shown, self._room)

    def end_task(self, task: TaskView) -> None:
        """Put the task's oldest example first."""
        count = self.filled - self.past
        oldest = self._shown % count if self._shown > count > 0 else 0
        order = torch.arange(count).roll(-oldest)
        self.keep(torch.cat((torch.arange(self.past), self.past + order)))
        self.counts[-1] = count


def equal_shares(total: int, parts: int) -> list[int]:
    """Return whole numbers that add up to `total` and differ by at most 1, larger ones first."""
    return [total // parts + (place < total % parts) for place in range(parts)]

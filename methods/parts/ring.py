"""Rings: the last examples of each task, with the same share for every task.

State, besides the examples, which are sorted by task, and within a task oldest first:
    counts: int64 [K], the number of examples of each of the K tasks learned.

Reference:
    Lopez-Paz & Ranzato 2017, Gradient episodic memory, NeurIPS, section 3: "the last m examples
    from each task"; with an unknown number of tasks "m can be gradually reduced".

Deviations:
    After t tasks, each has floor(capacity / t) rows, and the first (capacity mod t) tasks one more;
    a task keeps its last examples as its share shrinks. Rows that a task with few examples does not
    need are not given to others. Only the first pass over a task's examples is stored, so that no
    example is stored twice. The authors' code divides the budget by the total number of tasks,
    overwrites slots across task boundaries (`mem_cnt` is not reset) and leaves slots uninitialised
    if a task has too few examples; this code does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.budget import Budget
from methods.parts.memory import Memory, count_rows


class RingMemory(Memory):
    """The last examples of each task."""

    counts: Tensor

    def __init__(self, budget: Budget, outlook: Outlook, logits: bool = False) -> None:
        super().__init__(budget, outlook, logits)
        self.register_buffer("counts", torch.zeros(outlook.num_learned, dtype=torch.int64))
        self.spans: tuple[slice, ...] = ()
        self._room = self._left = self._shown = 0

    @staticmethod
    def smallest_size(setting: Setting) -> tuple[int, str]:
        """Return one example for each task."""
        return setting.num_tasks, "task"

    def begin_task(self, task: TaskView) -> None:
        """Shrink the past tasks to their new share and add rows for this one.

        `spans` then has the rows of each past task, except those without examples.
        """
        old_counts = self.counts.tolist()
        self.counts = torch.cat((self.counts, self.counts.new_zeros(1)))
        *shares, room = equal_shares(self.capacity, len(old_counts) + 1)
        counts = [min(pair) for pair in zip(old_counts, shares, strict=True)]
        old_ends = list(accumulate(old_counts))
        rows = [torch.arange(end - n, end) for end, n in zip(old_ends, counts, strict=True)]
        self.keep(torch.cat([torch.arange(0), *rows]))
        # Tasks that lost rows; the last entry is the new task's, filled in when it ends.
        self.counts[:-1] = torch.tensor(counts, dtype=torch.int64)
        ends = list(accumulate(counts))
        self.spans = tuple(slice(end - n, end) for end, n in zip(ends, counts, strict=True) if n)
        self.past = self.filled
        self._left, self._shown = len(task.examples), 0
        self._room = min(room, self._left)
        self.resize(self.past + self._room)

    def after_step(self, batch: Examples, logits: Tensor | None = None) -> None:
        """Overwrite the oldest examples of the task with the batch, during its first pass."""
        count = min(len(batch), self._left)
        self._left -= count
        self._shown += count
        written = min(count, self._room)
        if written:
            numbers = torch.arange(self._shown - written, self._shown, device=self.y.device)
            newest = slice(count - written, count)
            new_logits = None if logits is None else logits[newest]
            self.write(self.past + numbers % self._room, batch[newest], new_logits)
            self.filled = self.past + min(self._shown, self._room)

    def end_task(self, task: TaskView) -> None:
        """Sort the task's examples, oldest first, and store their number."""
        count = self.filled - self.past
        oldest = self._shown % count if self._shown > count > 0 else 0
        order = torch.arange(count).roll(-oldest)
        self.keep(torch.cat((torch.arange(self.past), self.past + order)))
        self.counts[-1] = count


def num_in_ring(budget: Budget, setting: Setting, shown: Sequence[int]) -> int:
    """Return the number of examples in a ring: of past tasks and, up to its share, of the last.

    Args:
        budget: of the ring.
        setting: the circumstances of the trial.
        shown: for each task, how many of its examples were passed to the ring.
    """
    *past, current = shown
    *_, room = task_shares(budget, setting, len(shown))
    return num_kept(budget, setting, past) + min(current, room)


def num_kept(budget: Budget, setting: Setting, shown: Sequence[int]) -> int:
    """Return the number of examples of past tasks in a ring while the next task is learned.

    Args:
        budget: of the ring.
        setting: the circumstances of the trial.
        shown: for each past task, how many of its examples were passed to the ring.
    """
    counts: list[int] = []
    for number, count in enumerate([*shown, 0], 1):
        shares = task_shares(budget, setting, number)
        counts = [min(pair) for pair in zip([*counts, count], shares, strict=True)]
    return sum(counts)


def task_shares(budget: Budget, setting: Setting, number: int) -> list[int]:
    """Return the rows of each of `number` tasks."""
    # The counters, which the budget has room for, grow with the tasks.
    outlook = Outlook(setting.num_classes, setting.input_shape, number)
    return equal_shares(count_rows(RingMemory, budget, outlook), number)


def equal_shares(total: int, parts: int) -> list[int]:
    """Return integers with sum `total` that differ by at most 1, larger ones first."""
    return [total // parts + (place < total % parts) for place in range(parts)]

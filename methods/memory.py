"""Memories of examples: images as bytes, labels in one or two, never more rows than their capacity.

Shape legend: M rows filled, B examples of a batch, N examples of a task.

State, below a memory's name in its method:
    x: uint8 [M, channels, height, width]. y: uint8 [M], or int16 with more than 256 classes.
    offered: int64 scalar, how many examples the reservoir was ever shown. At rest x and y have
    exactly the rows that are filled, so their bytes are the bytes occupied.

Reference:
    Reservoir: Vitter 1985, Random sampling with a reservoir, ACM TOMS 11(1), algorithm R.
    Class-balanced: the equal share per class of Rebuffi et al. 2017, iCaRL, CVPR, algorithm 2.

Deviations:
    The reservoir decides a batch at once; draws are floor(u i) with u of 53 bits. The
    class-balanced memory keeps random examples, where iCaRL herds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView


class Memory(nn.Module, ABC):
    """A bounded store of examples; its hooks are called from the method's of the same name."""

    x: Tensor
    y: Tensor

    def __init__(self, capacity: int, outlook: Outlook) -> None:
        super().__init__()
        self.capacity = capacity
        self.filled = 0
        label = torch.uint8 if outlook.num_classes <= 256 else torch.int16
        self.register_buffer("x", torch.zeros((0, *outlook.input_shape), dtype=torch.uint8))
        self.register_buffer("y", torch.zeros(0, dtype=label))

    @abstractmethod
    def begin_task(self, task: TaskView) -> None:
        """Prepare for a task."""

    @abstractmethod
    def after_step(self, batch: Examples) -> None:
        """Meet the examples of a step."""

    @abstractmethod
    def end_task(self, task: TaskView) -> None:
        """Bring the state to rest."""

    @property
    def occupied_bytes(self) -> int:
        """Bytes of the rows that are filled."""
        rows = (self.x[: self.filled], self.y[: self.filled])
        return sum(t.numel() * t.element_size() for t in rows)

    def sample(self, count: int, generator: torch.Generator) -> Examples:
        """Return `count` stored examples, drawn without replacement; all, where there are fewer."""
        rows = torch.randperm(self.filled, generator=generator)[:count].to(self.y.device)
        return Examples(self.x[rows], self.y[rows].long())

    def write(self, rows: Tensor, examples: Examples) -> None:
        """Put examples into distinct rows."""
        if examples.x.dtype != torch.uint8:
            raise TypeError(f"a memory keeps uint8 images, given {examples.x.dtype}")
        self.x[rows] = examples.x
        self.y[rows] = examples.y.to(self.y.dtype)

    def resize(self, rows: int) -> None:
        """Make room for `rows` rows in all, or drop those beyond."""
        for name in ("x", "y"):
            old = getattr(self, name)
            new = old.new_zeros((rows, *old.shape[1:]))
            kept = min(rows, len(old))
            new[:kept] = old[:kept]
            setattr(self, name, new)
        self.filled = min(self.filled, rows)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # How full a memory was is known from the state alone.
        stored = state_dict.get(f"{prefix}y")
        if stored is not None:
            if len(stored) > self.capacity:
                raise ValueError(f"a memory of {self.capacity} examples cannot hold {len(stored)}")
            self.resize(len(stored))
            self.filled = len(stored)
        super()._load_from_state_dict(state_dict, prefix, *rest)


class ReservoirMemory(Memory):
    """A uniform sample of all examples ever offered, each of them offered once.

    Only the first pass over a task's examples is offered.
    """

    offered: Tensor

    def __init__(self, capacity: int, outlook: Outlook) -> None:
        super().__init__(capacity, outlook)
        self.register_buffer("offered", torch.zeros((), dtype=torch.int64))
        # Counts of the task under way live outside the state: reading a GPU's would wait for it.
        self._offered = self._left = 0
        self._generator = torch.Generator()

    def begin_task(self, task: TaskView) -> None:
        """Make room for the rows this task can fill."""
        self._offered = int(self.offered)
        self._left = len(task.examples)
        self._generator = task.stream("memory")
        self.resize(min(self.capacity, self.filled + self._left))

    def after_step(self, batch: Examples) -> None:
        """Offer the batch, while the task's first pass lasts."""
        if self._left > 0:
            self.offer(batch[: self._left], self._generator)
            self._left -= len(batch)

    def end_task(self, task: TaskView) -> None:
        """Give back rows that were not filled."""
        self.resize(self.filled)
        self.offered.fill_(self._offered)

    def offer(self, batch: Examples, generator: torch.Generator) -> None:
        """Let each example take a row with probability capacity / (examples offered so far)."""
        place = torch.arange(self._offered, self._offered + len(batch))
        u = torch.rand(len(batch), generator=generator, dtype=torch.float64)
        row = torch.where(place < self.capacity, place, (u * (place + 1)).long())
        taken = (row < self.capacity).nonzero().flatten()
        winner = taken[last_of_each(row[taken])]
        device = batch.y.device
        self.write(row[winner].to(device), batch[winner.to(device)])
        self._offered += len(batch)
        self.filled = min(self.capacity, self._offered)


class ClassBalancedMemory(Memory):
    """The same number of random examples of every class met, chosen when a task ends.

    A class met again shares its rows among tasks: after task t, those held keep (t-1)/t of them.
    """

    def begin_task(self, task: TaskView) -> None:
        """Do nothing: the memory changes when the task ends."""

    def after_step(self, batch: Examples) -> None:
        """Do nothing."""

    def end_task(self, task: TaskView) -> None:
        """Trim the classes held to their new share and fill the rest with the task's examples."""
        held, new = self.y.long().cpu(), task.examples.y.cpu()
        generator = task.stream("memory")
        classes = torch.cat((held, new)).bincount().nonzero().flatten().tolist()
        kept, taken = [], []
        for place, label in enumerate(classes):
            share = self.capacity // len(classes) + (place < self.capacity % len(classes))
            old_rows = shuffled(held == label, generator)
            new_rows = shuffled(new == label, generator)
            share_of_new = min(len(new_rows), -(-share // task.index))
            kept.append(old_rows[: share - share_of_new])
            taken.append(new_rows[: share - len(kept[-1])])
        self.replace(torch.cat(kept), task.examples, torch.cat(taken))

    def replace(self, kept: Tensor, examples: Examples, taken: Tensor) -> None:
        """Hold the rows `kept` of what is held, then the rows `taken` of `examples`."""
        device = self.y.device
        kept, taken = kept.to(device), taken.to(device)
        self.x, self.y = self.x[kept], self.y[kept]
        self.resize(len(kept) + len(taken))
        self.write(torch.arange(len(kept), len(self.y), device=device), examples[taken])
        self.filled = len(self.y)


def last_of_each(values: Tensor) -> Tensor:
    """Return, for each distinct value of a 1-D tensor, the index of its last occurrence."""
    ordered, order = values.sort(stable=True)
    last = torch.ones_like(ordered, dtype=torch.bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    return order[last]


def shuffled(chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Return the indices where a bool tensor is true, in a random order."""
    rows = chosen.nonzero().flatten()
    return rows[torch.randperm(len(rows), generator=generator)]

"""Memories of examples: images as bytes, labels in one or two, never more than their budget.

Which examples a memory keeps is its policy: `reservoir`, `ring`, `class_balanced`.

Shape legend: M rows filled, B examples of a batch, C outputs of the head.

State, below a memory's name in its method:
    x: uint8 [M, channels, height, width]. y: uint8 [M], or int16 with more than 256 classes.
    logits: float32 [M, C], where the method keeps them. A policy may add counters. At rest there
    are exactly the rows that are filled, so their bytes are the bytes occupied.

Reference:
    Each policy names its own.

Deviations:
    None beyond those of the policies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.budget import Budget


class Memory(nn.Module, ABC):
    """A bounded store of examples; its hooks are called from the method's of the same name.

    Attributes:
        filled: rows, at the front, that hold an example.
        past: of those, rows at the front that hold examples of the tasks before the current one;
            0 where the policy mixes the tasks.
    """

    x: Tensor
    y: Tensor
    logits: Tensor

    def __init__(self, budget: Budget, outlook: Outlook, logits: bool = False) -> None:
        super().__init__()
        self.budget = budget
        self.num_classes = outlook.num_classes
        self.filled = self.past = 0
        label = torch.uint8 if outlook.num_classes <= 256 else torch.int16
        self.register_buffer("x", torch.zeros((0, *outlook.input_shape), dtype=torch.uint8))
        self.register_buffer("y", torch.zeros(0, dtype=label))
        self.columns: tuple[str, ...] = ("x", "y")
        if logits:
            self.register_buffer("logits", torch.zeros((0, outlook.num_classes)))
            self.columns += ("logits",)

    @abstractmethod
    def begin_task(self, task: TaskView) -> None:
        """Prepare for a task."""

    @abstractmethod
    def after_step(self, batch: Examples, logits: Tensor | None = None) -> None:
        """Meet the examples of a step, and what the network said of them if logits are kept."""

    @abstractmethod
    def end_task(self, task: TaskView) -> None:
        """Bring the state to rest."""

    @staticmethod
    def least(setting: Setting) -> tuple[int, str]:
        """Return the fewest examples the policy makes sense with, and of what they are."""
        return 1, "example"

    @classmethod
    def objection(cls, budget: Budget, setting: Setting, logits: bool = False) -> str | None:
        """Return why a budget is too small for what a sweep asks, if it is."""
        outlook = Outlook(setting.num_classes, setting.input_shape, setting.num_tasks)
        memory = cls(budget, outlook, logits)
        least, of_what = cls.least(setting)
        if memory.capacity >= least:
            return None
        enough = memory.row_bytes * least + memory.counter_bytes
        return (
            f"has room for {memory.capacity} examples ({budget}), but needs room for {least}, one "
            f"for each {of_what}: give memory_size: {least} or memory_bytes: {enough}, or more"
        )

    @property
    def row_bytes(self) -> int:
        """Bytes of an example."""
        columns = [getattr(self, name) for name in self.columns]
        return sum(c.element_size() * c.shape[1:].numel() for c in columns)

    @property
    def counter_bytes(self) -> int:
        """Bytes of the state beside the examples."""
        rest = [t for name, t in self.named_buffers() if name not in self.columns]
        return sum(t.element_size() * t.numel() for t in rest)

    @property
    def capacity(self) -> int:
        """The most examples the memory may hold."""
        return self.budget.rows(self.row_bytes, self.counter_bytes)

    def __getitem__(self, rows: Tensor | slice) -> Examples:
        """Return the examples in some rows."""
        return Examples(self.x[rows], self.y[rows].long())

    def draw(self, count: int, generator: torch.Generator, among: int | None = None) -> Tensor:
        """Return `count` distinct random rows among the first ones; all, where there are fewer."""
        among = self.filled if among is None else among
        return torch.randperm(among, generator=generator)[:count].to(self.y.device)

    def sample(self, count: int, generator: torch.Generator) -> Examples:
        """Return `count` stored examples, drawn without replacement; all, where there are fewer."""
        return self[self.draw(count, generator)]

    def write(self, rows: Tensor, examples: Examples, logits: Tensor | None = None) -> None:
        """Put examples into distinct rows."""
        if examples.x.dtype != torch.uint8:
            raise TypeError(f"a memory keeps uint8 images, given {examples.x.dtype}")
        self.x[rows] = examples.x
        self.y[rows] = examples.y.to(self.y.dtype)
        if logits is not None:
            self.logits[rows] = logits

    def resize(self, rows: int) -> None:
        """Make room for `rows` rows in all, or drop those beyond."""
        for name in self.columns:
            old = getattr(self, name)
            new = old.new_zeros((rows, *old.shape[1:]))
            kept = min(rows, len(old))
            new[:kept] = old[:kept]
            setattr(self, name, new)
        self.filled = min(self.filled, rows)

    def keep(self, rows: Tensor) -> None:
        """Keep only some rows, in the order given."""
        for name in self.columns:
            column = getattr(self, name)
            setattr(self, name, column[rows.to(column.device)])
        self.filled = len(rows)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # How full a memory was is known from the state alone.
        stored = state_dict.get(f"{prefix}y")
        if stored is not None:
            if len(stored) > self.capacity:
                raise ValueError(f"a memory of {self.capacity} examples cannot hold {len(stored)}")
            self.resize(len(stored))
            self.filled = len(stored)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def repeated(examples: Examples, times: int) -> Examples:
    """Return examples `times` times over, one pass after the other."""
    return Examples(examples.x.repeat(times, 1, 1, 1), examples.y.repeat(times))

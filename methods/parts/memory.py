"""Memories of examples: images as bytes, features as floats, labels in one or two bytes.

The policy of a memory decides which examples it stores: `reservoir`, `ring`, `class_balanced`.

Shape legend: M rows filled, B examples of a batch, C outputs of the head.

State, below a memory's name in its method:
    x: uint8 [M, channels, height, width], or float32 [M, d]. y: uint8 [M], or int16 with more than
    256 classes. logits: float32 or float16 [M, C], if the method stores them. A policy may add
    counters. With a codec, x: uint8 [bytes], the files one after the other, and sizes: int32 [M].
    Between tasks all rows are filled, so the bytes of the tensors are the bytes used.

Reference:
    See the policies.

Deviations:
    None beyond those of the policies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, Setting, TaskView, input_dtype
from methods.examples import take_rows
from methods.parts.budget import Budget
from methods.parts.codecs import EncodedImages, codec_objection

SIZE_BYTES = 4  # of a file


class Memory(nn.Module, ABC):
    """A bounded store of examples; the method's hooks call the memory's of the same name.

    Attributes:
        filled: number of rows, at the front, that contain an example.
        past: number of rows, at the front, that contain examples of earlier tasks; 0 if the policy
            mixes the tasks.
        balances_classes: whether a class can have a budget of its own.
    """

    balances_classes: ClassVar[bool] = False

    x: Tensor | EncodedImages
    y: Tensor
    logits: Tensor

    def __init__(self, budget: Budget, outlook: Outlook, logits: bool = False) -> None:
        super().__init__()
        self.budget = budget
        self.num_classes = outlook.num_classes
        self.filled = self.past = 0
        # One byte for a label where that is enough, since the budget may be given in bytes.
        label = torch.uint8 if outlook.num_classes <= 256 else torch.int16
        shape = outlook.input_shape
        # Without rows at first: they are allocated when a task begins, or a state is loaded.
        plain = torch.zeros((0, *shape), dtype=input_dtype(shape))
        self.columns: tuple[str, ...] = ("y",)
        if budget.codec is None:
            self.register_buffer("x", plain)
            self.columns = ("x", "y")
        else:
            self.x = EncodedImages(budget.codec, shape)
        self.register_buffer("y", torch.zeros(0, dtype=label))
        if logits:
            zeros = torch.zeros((0, outlook.num_classes), dtype=budget.logits)
            self.register_buffer("logits", zeros)
            self.columns += ("logits",)

    @abstractmethod
    def begin_task(self, task: TaskView) -> None:
        """Prepare for a task."""

    @abstractmethod
    def after_step(self, batch: Examples, logits: Tensor | None = None) -> None:
        """Process the examples of a step, and their logits if the memory stores them."""

    @abstractmethod
    def end_task(self, task: TaskView) -> None:
        """Drop rows that are not filled and bring counters up to date."""

    @staticmethod
    def smallest_size(setting: Setting) -> tuple[int, str]:
        """Return the smallest useful capacity, and the unit that needs one example each."""
        return 1, "example"

    @classmethod
    def objection(cls, budget: Budget, setting: Setting, logits: bool = False) -> str | None:
        """Return the reason that a budget is too small for a setting, or None."""
        outlook = Outlook(setting.num_classes, setting.input_shape, setting.num_tasks)
        if (unfit := codec_objection(budget.codec, setting.input_shape)) is not None:
            return unfit
        if budget.per_class is not None and not cls.balances_classes:
            return f"has no share for each class, so {budget} has no meaning: give memory_size"
        # The bytes of a row and of the counters follow from the policy, so an empty memory is
        # asked.
        memory = cls(budget, outlook, logits)
        least, unit = cls.smallest_size(setting)
        if memory.capacity >= least:
            return None
        enough = memory.row_bytes * least + memory.counter_bytes
        in_bytes = "" if budget.codec else f" or memory_bytes: {enough}"
        return (
            f"has room for {memory.capacity} examples ({budget}), but needs room for {least}, one "
            f"for each {unit}: give memory_size: {least}{in_bytes}, or more"
        )

    @property
    def row_bytes(self) -> int:
        """Bytes per example; with a codec of all but its file."""
        columns = [getattr(self, name) for name in self.columns]
        size = SIZE_BYTES if self.budget.codec else 0
        return size + sum(int(c.element_size() * c.shape[1:].numel()) for c in columns)

    @property
    def counter_bytes(self) -> int:
        """Bytes of the state besides the examples."""
        rest = [t for name, t in self.named_buffers() if name not in self.columns]
        return sum(t.element_size() * t.numel() for t in rest)

    @property
    def capacity(self) -> int:
        """The largest number of examples."""
        return self.budget.rows(self.row_bytes, self.counter_bytes, self.num_classes)

    def __getitem__(self, rows: Tensor | slice) -> Examples:
        """Return the examples in some rows."""
        x = take_rows(self.x, rows) if isinstance(self.x, Tensor) else self.x[rows]
        return Examples(x.to(self.y.device), self.y[rows].long())

    def draw(self, count: int, generator: torch.Generator, among: int | None = None) -> Tensor:
        """Return `count` distinct random rows of the first `among`, or all if there are fewer."""
        among = self.filled if among is None else among
        # On the CPU: a GPU draws other numbers from the same seed.
        rows = torch.randperm(among, generator=generator)[:count]
        return rows.to(self.y.device, non_blocking=True)

    def sample(self, count: int, generator: torch.Generator) -> Examples:
        """Return `count` stored examples drawn without replacement, or all if there are fewer."""
        return self[self.draw(count, generator)]

    def write(self, rows: Tensor, examples: Examples, logits: Tensor | None = None) -> None:
        """Write examples to distinct rows."""
        own = self.x.dtype if isinstance(self.x, Tensor) else torch.uint8
        # Silently converted features would be rounded to bytes.
        if examples.x.dtype != own:
            kept = "uint8 images" if own == torch.uint8 else "float32 features"
            raise TypeError(f"this memory keeps {kept}, given {examples.x.dtype}")
        self.x[rows] = examples.x
        self.y[rows] = examples.y.to(self.y.dtype)
        if logits is not None:
            self.logits[rows] = logits.to(self.logits.dtype)

    def resize(self, rows: int) -> None:
        """Grow or shrink to a number of rows; new rows are not filled."""
        for name in self.columns:
            old = getattr(self, name)
            new = old.new_zeros((rows, *old.shape[1:]))
            # Filled rows are at the front, and stay there.
            common = min(rows, len(old))
            new[:common] = old[:common]
            setattr(self, name, new)
        if isinstance(self.x, EncodedImages):
            self.x.resize(rows)
        self.filled = min(self.filled, rows)

    def keep(self, rows: Tensor) -> None:
        """Keep only the given rows, in the given order."""
        for name in self.columns:
            column = getattr(self, name)
            setattr(self, name, column[rows.to(column.device)])
        if isinstance(self.x, EncodedImages):
            self.x.keep(rows)
        self.filled = len(rows)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if isinstance(self.x, EncodedImages):
            destination |= {f"{prefix}{name}": t for name, t in self.x.state().items()}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # The number of filled rows is not stored: it is the length of the loaded tensors.
        stored = state_dict.get(f"{prefix}y")
        if stored is not None:
            if len(stored) > self.capacity:
                raise ValueError(f"a memory of {self.capacity} examples cannot hold {len(stored)}")
            self.resize(len(stored))
            self.filled = len(stored)
        # The first stage of a method loads the network alone.
        if isinstance(self.x, EncodedImages) and stored is not None:
            files = {name: state_dict[f"{prefix}{name}"] for name in ("x", "sizes")}
            self.x.load(**files)
            state_dict = {
                n: t for n, t in state_dict.items() if n.removeprefix(prefix) not in files
            }
        super()._load_from_state_dict(state_dict, prefix, *rest)


@lru_cache(maxsize=1024)
def count_rows(memory: type[Memory], budget: Budget, outlook: Outlook, logits: bool = False) -> int:
    """Return the capacity of a memory, without building it for each question."""
    return memory(budget, outlook, logits).capacity


def repeat(examples: Examples, times: int) -> Examples:
    """Return examples repeated `times` times, as whole passes."""
    shape = examples.x.shape[1:]
    return Examples(examples.x.repeat(times, *[1] * len(shape)), examples.y.repeat(times))

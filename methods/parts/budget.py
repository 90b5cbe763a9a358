"""The budget of a memory, in examples or in bytes.

Reference:
    None.

Deviations:
    Papers give budgets in examples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch

from methods import base
from methods.base import neutral
from methods.parts.codecs import Codec
from methods.parts.ranges import require_count


@dataclass(frozen=True, kw_only=True)
class MemoryConfig(base.Config):
    """Hyperparameters of a method with a memory: its budget, in examples or in bytes.

    Attributes:
        memory_size: capacity in examples, at least 1; `DEFAULT_SIZE` if neither is given.
        memory_bytes: capacity in bytes, labels, logits and counters included.
        codec: png (exact) or jpeg (quality 90), for images of uint8; None stores their pixels. The
            capacity is then in examples, since files differ in size.
    """

    DEFAULT_SIZE: ClassVar[int] = 500

    memory_size: int | None = None
    memory_bytes: int | None = None
    codec: Codec | None = neutral(None)  # noqa: RUF009 - a field

    def __post_init__(self) -> None:
        if self.memory_size is not None and self.memory_bytes is not None:
            raise ValueError("memory_size must be left out where memory_bytes is given")
        if self.codec is not None and self.memory_bytes is not None:
            raise ValueError(
                f"memory_bytes must be left out where codec is given ({self.codec}), since the "
                "files of images differ in size: give memory_size"
            )
        if self.memory_size is None and self.memory_bytes is None:
            # Set here, so that every record and key contains the budget.
            object.__setattr__(self, "memory_size", self.DEFAULT_SIZE)
        for name in ("memory_size", "memory_bytes"):
            require_count(name, getattr(self, name))

    def with_storage(self, size: int) -> Self | None:
        """Return a copy whose memory takes at most `size` bytes; None if a codec decides that."""
        return None if self.codec else replace(self, memory_size=None, memory_bytes=size)

    @property
    def budget(self) -> Budget:
        """The budget of the memory."""
        return Budget(self.memory_size, self.memory_bytes, self.codec)


@dataclass(frozen=True)
class Budget:
    """The capacity of a memory: a number of examples, or `size` bytes if that is None.

    Attributes:
        codec: of its images. logits: the type of its logits, if it stores them.
    """

    examples: int | None = None
    size: int | None = None
    codec: Codec | None = None
    logits: torch.dtype = torch.float32

    def rows(self, row_bytes: int, counter_bytes: int) -> int:
        """Return how many examples of `row_bytes` fit beside the counters."""
        if self.examples is not None:
            return self.examples
        return max((self.size or 0) - counter_bytes, 0) // row_bytes

    def __str__(self) -> str:
        unit, amount = ("bytes", self.size) if self.examples is None else ("size", self.examples)
        return f"memory_{unit}: {amount}"

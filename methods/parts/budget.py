"""The budget of a memory, in examples, in examples of each class seen, or in bytes.

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
    """Hyperparameters of a method with a memory: exactly one of them gives its budget.

    Attributes:
        memory_size: capacity in examples, at least 1; 500 if neither is given.
        memory_bytes: capacity in bytes, labels, logits and counters included.
        codec: png (exact) or jpeg (quality 90), for images of uint8; None stores their pixels. The
            capacity is then in examples, since files differ in size.
        memory_per_class: capacity in examples of each class seen, at least 1, so that the memory
            grows; for class-balanced memories.
    """

    DEFAULT_SIZE: ClassVar[int] = 500

    memory_size: int | None = None
    memory_bytes: int | None = None
    codec: Codec | None = neutral(None)  # noqa: RUF009 - a field
    memory_per_class: int | None = neutral(None)

    def __post_init__(self) -> None:
        names = ("memory_size", "memory_bytes", "memory_per_class")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[0]} must be left out where {given[1]} is given")
        if self.codec is not None and self.memory_bytes is not None:
            raise ValueError(
                f"memory_bytes must be left out where codec is given ({self.codec}), since the "
                "files of images differ in size: give memory_size"
            )
        if not given:
            # Set here, so that every record and key contains the budget.
            object.__setattr__(self, "memory_size", self.DEFAULT_SIZE)
        for name in names:
            require_count(name, getattr(self, name))

    def with_storage(self, size: int) -> Self | None:
        """Return a copy whose memory takes at most `size` bytes; None if a codec decides that."""
        if self.codec:
            return None
        return replace(self, memory_size=None, memory_bytes=size, memory_per_class=None)

    def with_examples(self, count: int) -> Self | None:
        """Return a copy whose memory has at most `count` examples; None if there is no codec."""
        if self.codec is None:
            return None
        return replace(self, memory_size=count, memory_bytes=None, memory_per_class=None)

    @property
    def budget(self) -> Budget:
        """The budget of the memory."""
        return Budget(
            self.memory_size, self.memory_bytes, self.codec, per_class=self.memory_per_class
        )


@dataclass(frozen=True)
class Budget:
    """The capacity of a memory: the first of `examples`, `per_class` and `size` that is not None.

    Attributes:
        examples: their number. size: bytes. per_class: the number of examples of each class seen.
        codec: of its images. logits: the type of its logits, if it stores them.
    """

    examples: int | None = None
    size: int | None = None
    codec: Codec | None = None
    logits: torch.dtype = torch.float32
    per_class: int | None = None

    def rows(self, row_bytes: int, counter_bytes: int, num_classes: int) -> int:
        """Return the number of examples of `row_bytes` that fit beside counters of all classes."""
        if self.examples is not None:
            return self.examples
        if self.per_class is not None:
            return self.per_class * num_classes
        return max((self.size or 0) - counter_bytes, 0) // row_bytes

    def __str__(self) -> str:
        amounts = {"size": self.examples, "per_class": self.per_class, "bytes": self.size}
        given = (f"memory_{name}: {n}" for name, n in amounts.items() if n is not None)
        return next(given, "memory_bytes: 0")

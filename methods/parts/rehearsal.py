"""The base of methods that replay stored examples: a memory, and batches drawn from it.

Reference:
    See the methods.

Deviations:
    None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from methods import base
from methods.base import (
    Examples,
    Exposure,
    Method,
    Outlook,
    Replayed,
    Setting,
    TaskView,
    neutral,
)
from methods.parts.budget import MemoryConfig
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.memory import Memory
from methods.parts.ranges import require_count, require_one
from methods.parts.reservoir import ReservoirMemory, num_in_reservoir
from methods.parts.ring import RingMemory, num_in_ring

POLICIES: dict[str, type[Memory]] = {
    "reservoir": ReservoirMemory,
    "ring": RingMemory,
    "class_balanced": ClassBalancedMemory,
}


@dataclass(frozen=True, kw_only=True)
class RehearsalConfig(MemoryConfig):
    """Hyperparameters of a method that draws batches from a memory.

    Attributes:
        replay_batch_size: number of stored examples per step; None: as many as new ones.
    """

    replay_batch_size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("replay_batch_size", self.replay_batch_size)

    def num_drawn(self, batch_size: int) -> int:
        """Return the number of examples to replay, if there are as many."""
        return self.replay_batch_size or batch_size

    def num_stored(self, setting: Setting, exposure: Exposure) -> int | None:
        """Return the number of examples that may be drawn; None: it does not follow from these."""
        return None

    def num_replayed(
        self, setting: Setting, exposure: Exposure, batch_size: int
    ) -> Replayed | None:
        """Return what a step replays of those that the memory holds by then."""
        stored = self.num_stored(setting, exposure)
        return None if stored is None else self.replay_from(stored, batch_size)

    def replay_from(self, stored: int, batch_size: int) -> Replayed:
        """Return what a step replays where some examples may be drawn."""
        return Replayed(min(self.replay_batch_size or batch_size, stored))


@dataclass(frozen=True, kw_only=True)
class ReplayConfig(RehearsalConfig):
    """Hyperparameters of a method that replays from a memory of any policy.

    Attributes:
        policy: which examples are stored: a uniform sample of all seen (reservoir), the last of
            each task (ring), or equally many of each class (class_balanced).
        updates_per_batch: number of steps on each batch, at least 1, each with a draw of its own.
    """

    policy: Literal["reservoir", "ring", "class_balanced"] = "reservoir"
    updates_per_batch: int = neutral(1)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one("updates_per_batch", self.updates_per_batch)

    def num_stored(self, setting: Setting, exposure: Exposure) -> int | None:
        """Return the number of examples in the memory; None if it changes when a task ends."""
        if self.policy == "class_balanced":
            return None
        if self.policy == "ring":
            return num_in_ring(self.budget, setting, exposure.distinct)
        return num_in_reservoir(self.budget, setting, sum(exposure.distinct))

    def num_replayed(
        self, setting: Setting, exposure: Exposure, batch_size: int
    ) -> Replayed | None:
        """Return what all steps on the batch replay; the memory has it after the first of them."""
        first = super().num_replayed(setting, exposure, batch_size)
        then = super().num_replayed(setting, exposure.add(batch_size), batch_size)
        if first is None or then is None:
            return None
        more = self.updates_per_batch - 1
        return Replayed(*(number + more * n for number, n in zip(first, then, strict=True)))


class Rehearsal(Method):
    """A method that draws batches from a memory.

    Class attributes:
        keeps_logits: whether the memory stores the logits of its examples.
    """

    Config: ClassVar[type[base.Config]] = RehearsalConfig
    keeps_logits: ClassVar[bool] = False
    storage: ClassVar[dict[str, str]] = {"memory": "buffer"}
    config: Any

    @classmethod
    def policy(cls, config: Any) -> type[Memory]:
        """Return the class of the memory; that of `config.policy`, unless it is overridden."""
        return POLICIES[config.policy]

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the memory is too small."""
        too_small = cls.policy(config).objection(config.budget, setting, cls.keeps_logits)
        return super().objection(config, setting) or too_small

    @classmethod
    def fuses(cls, config: Any) -> bool:
        """Return whether the stored images are tensors, which can be stacked."""
        return config.budget.codec is None

    def __init__(self, network: nn.Module, config: RehearsalConfig, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = self.policy(config)(config.budget, outlook, self.keeps_logits)
        # Replaced by the task's own stream before anything is drawn.
        self._generator = torch.Generator()
        self._largest_draw = 0

    def begin_task(self, task: TaskView) -> None:
        """Prepare the memory and the random stream of its draws."""
        self._generator = task.stream("replay")
        self.memory.begin_task(task)

    def after_step(self, batch: Examples) -> None:
        """Pass the batch to the memory, once."""
        # A batch may be trained on in several steps, and the memory is offered its examples once.
        if self.update == 0:
            self.memory.after_step(batch)

    def end_task(self, task: TaskView) -> None:
        """Finish the memory's task."""
        self.memory.end_task(task)

    @property
    def num_drawable(self) -> int:
        """Number of rows of the memory, at the front, that may be drawn."""
        return self.memory.filled

    def draw(self, batch: Examples) -> Tensor:
        """Return random rows of the memory to replay with a batch."""
        count = self.config.replay_batch_size or len(batch)
        self._largest_draw = max(self._largest_draw, count)
        return self.memory.draw(count, self._generator, among=self.num_drawable)

    def step_kind(self) -> object:
        """Return the largest number of examples that the next step can replay.

        Without `replay_batch_size` a batch of B examples replays min(B, this number), as long as no
        batch is larger than those before.
        """
        # Before the first draw of a task the largest is not known; it is at most what can be drawn.
        largest = self.config.replay_batch_size or self._largest_draw or self.num_drawable
        return min(self.num_drawable, largest)


class Replay(Rehearsal):
    """A method that replays from a memory of any policy, in one or more steps a batch."""

    Config: ClassVar[type[base.Config]] = ReplayConfig

    def num_updates(self, batch: Examples) -> int:
        """Return the configured number of steps on a batch."""
        updates: int = self.config.updates_per_batch
        return updates

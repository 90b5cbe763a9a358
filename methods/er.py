"""Experience replay: every step also learns from examples of a small memory.

Each step draws a batch from the memory, without replacement, and minimises the mean cross-entropy
of new and drawn examples taken together ("concat-mean": every example has the same weight).

State:
    memory.x, memory.y: the stored examples; they change during a task (reservoir) or when it ends
    (class-balanced). memory.offered: examples the reservoir was ever shown.

Reference:
    Chaudhry et al. 2019, On tiny episodic memories in continual learning, arXiv:1902.10486,
    algorithm 1. Rolnick et al. 2019, Experience replay for continual learning, NeurIPS.

Deviations:
    The reservoir is offered each training example once, in the first epoch, so that several epochs
    do not fill it with copies (Chaudhry et al. train for one). As in their algorithm the memory is
    replayed from the first task on, once it holds anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, TaskView
from methods.memory import ClassBalancedMemory, Memory, ReservoirMemory

POLICIES: dict[str, type[Memory]] = {
    "reservoir": ReservoirMemory,
    "class_balanced": ClassBalancedMemory,
}


class ER(Method):
    """Learn from new examples and stored ones together."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of experience replay.

        Attributes:
            memory_size: examples the memory can hold, at least 1.
            policy: a uniform sample of all examples seen, or equally many of each class.
            replay_batch_size: stored examples a step; None: as many as new ones.
        """

        memory_size: int = 500
        policy: Literal["reservoir", "class_balanced"] = "reservoir"
        replay_batch_size: int | None = None

        def __post_init__(self) -> None:
            if self.memory_size < 1:
                raise ValueError(f"memory_size must be at least 1, given {self.memory_size}")
            size = self.replay_batch_size
            if size is not None and size < 1:
                raise ValueError(f"replay_batch_size must be at least 1 or left out, given {size}")

    storage: ClassVar[dict[str, str]] = {"memory": "buffer"}
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = POLICIES[config.policy](config.memory_size, outlook)
        self._generator = torch.Generator()
        self._largest_draw = 0

    def begin_task(self, task: TaskView) -> None:
        """Open the memory and the stream that draws from it."""
        self._generator = task.stream("replay")
        self.memory.begin_task(task)

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean cross-entropy of the batch and a batch from the memory."""
        count = self.config.replay_batch_size or len(batch)
        self._largest_draw = max(self._largest_draw, count)
        if self.memory.filled == 0:
            return self.task_loss(batch)
        return self.task_loss(batch + self.memory.sample(count, self._generator))

    def after_step(self, batch: Examples) -> None:
        """Show the batch to the memory."""
        self.memory.after_step(batch)

    def end_task(self, task: TaskView) -> None:
        """Close the memory."""
        self.memory.end_task(task)

    def step_kind(self) -> object:
        """Return the most the memory can add to the next step's batch of B examples.

        With as many drawn as are new, min(B, this) are drawn, as long as batches do not grow.
        """
        largest = self.config.replay_batch_size or self._largest_draw or self.memory.filled
        return min(self.memory.filled, largest)

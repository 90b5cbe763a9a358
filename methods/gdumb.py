"""GDumb: collect a class-balanced memory and train a fresh network on it alone.

When a task begins, the memory takes a balanced share of its examples, and a network with new
initial weights is trained on the memory. The advantage of a method over GDumb with the same memory
is the benefit of training on examples that are not stored.

State:
    memory.*: the stored examples, see `parts.class_balanced`; they change when a task begins.

Reference:
    Prabhu et al. 2020, GDumb: a simple approach that questions our progress in continual learning,
    ECCV, algorithms 1 and 2.

Deviations:
    The greedy sampler sees examples one by one; here it takes a task at once, with the same balance
    and a random choice. A class that several tasks have (domain-incremental) shares its rows among
    the tasks, where the greedy sampler would store no example of the later ones. The optimiser is
    that of the sweep: no CutMix, no cosine restarts, no 256 epochs; `passes` sets the number of
    passes over the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.budget import MemoryConfig
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.initialisation import draws_by_layer, reinitialise
from methods.parts.memory import repeat
from methods.parts.ranges import require_count


class GDumb(Method):
    """Train a fresh network on a class-balanced memory."""

    @dataclass(frozen=True, kw_only=True)
    class Config(MemoryConfig):
        """Hyperparameters of GDumb.

        Attributes:
            passes: passes over the memory per epoch, at least 1, all shuffled together; None: the
                fewest with which an epoch has at least as many examples as the task.
        """

        passes: int | None = None

        def __post_init__(self) -> None:
            super().__post_init__()
            require_count("passes", self.passes)

    version: ClassVar[int] = 2
    storage: ClassVar[dict[str, str]] = {"memory": "buffer"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the memory is smaller than one per class."""
        return super().objection(config, setting) or ClassBalancedMemory.objection(
            config.budget, setting
        )

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return 1 where the network's constructor draws what version 1 drew."""
        return 1 if draws_by_layer(setting) else cls.version

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = ClassBalancedMemory(config.budget, outlook)

    def begin_task(self, task: TaskView) -> None:
        """Store a share of the task's examples and initialise the network anew."""
        # Before the training, not after it: the memory is the training set.
        self.memory.end_task(task)
        # Stage 0 has drawn the network of the first task.
        if task.index > 1:
            reinitialise(self.network, task.stream("initialisation"))

    def examples(self, task: TaskView) -> Examples:
        """Return the stored examples, repeated `passes` times."""
        stored = self.memory[: self.memory.filled]
        # Rounded up: an epoch shows at least as many examples as the task has.
        return repeat(stored, self.config.passes or -(-len(task.examples) // len(stored)))

"""GDumb: collect a balanced memory, and train a fresh network on nothing else.

Whenever a task comes the memory takes its share of the task's examples, the network's weights are
drawn anew, and it is trained on the memory alone. What a method gains over GDumb with the same
memory, it gains from what it learned outside the memory.

State:
    memory.*: the stored examples, see `parts.class_balanced`; they change when a task begins.

Reference:
    Prabhu et al. 2020, GDumb: a simple approach that questions our progress in continual learning,
    ECCV, algorithms 1 and 2.

Deviations:
    The greedy sampler sees examples one by one; here it takes a task at once, with the same balance
    and a random choice. A class met again (domain-incremental) shares its rows among the tasks,
    where the greedy sampler would take no example of the later ones. The optimiser is the sweep's:
    no CutMix, no cosine restarts, no 256 epochs; `passes` says how often the memory is gone
    through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.budget import MemoryConfig
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.initialisation import reinitialise
from methods.parts.memory import repeated
from methods.parts.ranges import require_count


class GDumb(Method):
    """Train a fresh network on a class-balanced memory."""

    @dataclass(frozen=True, kw_only=True)
    class Config(MemoryConfig):
        """Hyperparameters of GDumb.

        Attributes:
            passes: how often each epoch goes through the memory, at least 1, all shuffled together;
                None: as often as it takes to train on no fewer examples than the task has.
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
        """Return that the scenario is not served, or that some class would have no example."""
        return super().objection(config, setting) or ClassBalancedMemory.objection(
            config.budget, setting
        )

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = ClassBalancedMemory(config.budget, outlook)

    def begin_task(self, task: TaskView) -> None:
        """Take the memory's share of the task and start from fresh weights."""
        self.memory.end_task(task)
        if task.index > 1:
            reinitialise(self.network, task.stream("initialisation"))

    def examples(self, task: TaskView) -> Examples:
        """Return the memory, `passes` times over."""
        held = self.memory[: self.memory.filled]
        return repeated(held, self.config.passes or -(-len(task.examples) // len(held)))

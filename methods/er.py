"""Experience replay: every step also trains on examples from a small memory.

Each step draws a batch from the memory, without replacement, and minimises the mean cross-entropy
of new and drawn examples taken together ("concat-mean": every example has the same weight).

State:
    memory.*: the stored examples, see `parts.memory`; they change during a task (reservoir, ring)
    or when it ends (class-balanced).

Reference:
    Chaudhry et al. 2019, On tiny episodic memories in continual learning, arXiv:1902.10486,
    algorithm 1. Rolnick et al. 2019, Experience replay for continual learning, NeurIPS.

Deviations:
    The memory is offered each training example once, in the first epoch, so that several epochs do
    not fill it with copies (Chaudhry et al. train for one). As in their algorithm the memory is
    replayed from the first task on, once it holds anything. Their ring has a share for each class,
    ours for each task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from methods.base import Examples
from methods.parts.memory import Memory
from methods.parts.rehearsal import POLICIES, Rehearsal, RehearsalConfig


class ER(Rehearsal):
    """Train on new and stored examples together."""

    @dataclass(frozen=True, kw_only=True)
    class Config(RehearsalConfig):
        """Hyperparameters of experience replay.

        Attributes:
            policy: which examples are stored: a uniform sample of all seen (reservoir), the last
                of each task (ring), or equally many of each class (class_balanced).
        """

        policy: Literal["reservoir", "ring", "class_balanced"] = "reservoir"

    @classmethod
    def policy(cls, config: Any) -> type[Memory]:
        """Return the configured policy."""
        return POLICIES[config.policy]

    def loss(self, batch: Examples) -> Tensor:
        """Return the mean cross-entropy of the batch and a batch from the memory."""
        rows = self.draw(batch)
        return self.task_loss(batch + self.augment(self.memory[rows]) if len(rows) else batch)

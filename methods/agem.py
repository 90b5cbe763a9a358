"""Averaged GEM: no step may raise the average loss on stored examples, to first order.

With g the gradient of the batch and r that of a random batch of stored examples of past tasks, the
step is taken along

    g~ = g - strength min(<g, r>, 0) / <r, r> r

State:
    memory.*: the stored examples, see `methods.parts.class_balanced` and `methods.parts.ring`.

Reference:
    Chaudhry et al. 2019, Efficient lifelong learning with A-GEM, ICLR, eq. 11 and algorithm 1.

Deviations:
    strength is an addition: the paper's is 1. The share of a task in the memory shrinks as tasks
    are met; theirs is fixed by the number of tasks to come.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook
from methods.parts.episodic import Gradients
from methods.parts.memory import Memory
from methods.parts.ranges import require_share
from methods.parts.rehearsal import POLICIES, Rehearsal, RehearsalConfig

# A gradient of zero has no angle with any other.
TINY = torch.finfo(torch.float32).tiny


class AGEM(Rehearsal):
    """Step along the nearest gradient that does not raise the loss of a batch of the past."""

    @dataclass(frozen=True, kw_only=True)
    class Config(RehearsalConfig):
        """Hyperparameters of A-GEM.

        Attributes:
            policy: the last examples of each task, or equally many random ones of each class.
            strength: share of the correction that is made, in [0, 1]; 1 is the paper's.
        """

        policy: Literal["ring", "class_balanced"] = "class_balanced"
        strength: float = 1.0

        def __post_init__(self) -> None:
            super().__post_init__()
            require_share("strength", self.strength)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"strength"})
    strength: ClassVar[str | None] = "strength"
    config: Config

    @classmethod
    def policy(cls, config: Any) -> type[Memory]:
        """Return the policy chosen."""
        return POLICIES[config.policy]

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._gradients = Gradients(network)
        self._drawn = torch.zeros(0, dtype=torch.int64)

    @property
    def drawable(self) -> int:
        """How many examples of past tasks there are."""
        return self.memory.past

    def loss(self, batch: Examples) -> Tensor:
        """Return the batch's loss; draw what its gradient is to be compared with."""
        if self.config.strength:
            self._drawn = self.draw(batch)
        return self.task_loss(batch)

    def after_backward(self) -> None:
        """Take from the gradient what would raise the loss of a batch of past examples."""
        if len(self._drawn):
            self._gradients.take([partial(self.task_loss, self.memory[self._drawn])])
            inner, square = self._gradients.products()[1]
            # No branch: without a violation the weight is 0, and the gradient stays as it is.
            weight = -inner.clamp_max(0) / square.clamp_min(TINY)
            self._gradients.move([self.config.strength * weight])

"""Averaged GEM: to first order, no step raises the mean loss on a batch of stored examples.

With g the gradient of the batch and r that of a random batch of stored examples of past tasks, the
update direction is

    g~ = g - strength min(<g, r>, 0) / <r, r> r

State:
    memory.*: the stored examples, see `methods.parts.class_balanced` and `methods.parts.ring`.

Reference:
    Chaudhry et al. 2019, Efficient lifelong learning with A-GEM, ICLR, eq. 11 and algorithm 1.

Deviations:
    strength is an addition: the paper's is 1. The share of a task in the memory shrinks as the
    number of tasks grows; in the paper it is fixed by the total number of tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from methods.base import Examples, Exposure, Outlook, Setting
from methods.parts.episodic import Gradients
from methods.parts.ranges import require_share
from methods.parts.rehearsal import Rehearsal, RehearsalConfig
from methods.parts.ring import num_kept

# Avoids 0 / 0 where the reference gradient is zero.
TINY = torch.finfo(torch.float32).tiny


class AGEM(Rehearsal):
    """Project the gradient so that the loss on a batch of past examples does not rise."""

    @dataclass(frozen=True, kw_only=True)
    class Config(RehearsalConfig):
        """Hyperparameters of A-GEM.

        Attributes:
            policy: the last examples of each task, or equally many random ones of each class.
            replay_batch_size: number of stored examples of the reference gradient, at least 1; 256
                in the authors' code. None: as many as new ones, the default of release 0.1.
            strength: share of the correction that is applied, in [0, 1]; 1 is the paper's.
        """

        policy: Literal["ring", "class_balanced"] = "class_balanced"
        replay_batch_size: int | None = 256
        strength: float = 1.0

        def __post_init__(self) -> None:
            super().__post_init__()
            require_share("strength", self.strength)

        def num_stored(self, setting: Setting, exposure: Exposure) -> int | None:
            """Return the examples of past tasks; only a ring keeps what was trained on."""
            if self.policy != "ring" or self.strength == 0:
                return None
            return num_kept(self.budget, setting, exposure.distinct[:-1])

        def num_drawn(self, batch_size: int) -> int:
            """Return 0: the reference batch is of earlier tasks."""
            return 0

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"strength"})
    strength: ClassVar[str | None] = "strength"
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._gradients = Gradients(network)
        self._rows = torch.zeros(0, dtype=torch.int64)

    @property
    def num_drawable(self) -> int:
        """Number of stored examples of past tasks."""
        return self.memory.past

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss of the batch; also draw the reference batch from the memory."""
        # At 0 nothing is drawn: the step is that of `finetune`, bit for bit and at its cost.
        if self.config.strength:
            self._rows = self.draw(batch)
        return self.task_loss(batch)

    def after_backward(self) -> None:
        """Remove the component of the gradient that raises the loss on past examples."""
        if len(self._rows):
            reference = self.augment(self.memory[self._rows])
            self._gradients.take([partial(self.task_loss, reference)])
            inner, square = self._gradients.products()[1]
            # No branch, which would wait for a GPU: without a violation the weight is 0.
            weight = -inner.clamp_max(0) / square.clamp_min(TINY)
            self._gradients.move(self.config.strength * weight.view(1))

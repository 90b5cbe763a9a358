"""Dark experience replay: the memory stores the network's logits, which are distilled later.

    L = CE(B) + alpha mean_{(x, z) in M} mean_c (h_c(x) - z_c)^2

B is the batch; M a batch from the memory, z the network's outputs when x was first trained on.

State:
    memory.*: the stored examples with their logits, see `parts.memory`; they change at each step.

Reference:
    Buzzega et al. 2020, Dark experience for general continual learning: a strong, simple baseline,
    NeurIPS, section 3, DER.

Deviations:
    The squared distance is a mean over the C outputs, as in the authors' code, to which their
    values of alpha belong; the paper has a sum, whose alpha is ours divided by C. It covers all
    outputs, whichever compete. The reservoir is offered each example once, in the first epoch; with
    `offered: every_epoch` again in each, as in the authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Exposure, Outlook, Replayed, Setting, neutral
from methods.parts.budget import Budget
from methods.parts.memory import Memory
from methods.parts.ranges import require_strength
from methods.parts.rehearsal import Rehearsal, RehearsalConfig
from methods.parts.reservoir import ReservoirMemory, num_in_reservoir


class DER(Rehearsal):
    """Train on new examples and keep the logits of stored examples."""

    @dataclass(frozen=True, kw_only=True)
    class Config(RehearsalConfig):
        """Hyperparameters of DER.

        Attributes:
            alpha: weight of the distance to the stored logits, at least 0.
            logits_dtype: as which logits are stored: float32 or float16.
            offered: whether the reservoir is offered an example once, or in every epoch, with the
                logits that it then has.
        """

        alpha: float = 1.0
        logits_dtype: Literal["float32", "float16"] = neutral("float32")
        offered: Literal["once", "every_epoch"] = neutral("once")

        def __post_init__(self) -> None:
            super().__post_init__()
            require_strength("alpha", self.alpha)

        @property
        def budget(self) -> Budget:
            """The budget of the memory, with the type of its logits."""
            return replace(super().budget, logits=getattr(torch, self.logits_dtype))

        @property
        def stores_repeats(self) -> bool:
            """Whether the reservoir is offered an example in every epoch."""
            return self.offered == "every_epoch"

        def num_stored(self, setting: Setting, exposure: Exposure) -> int:
            """Return the number of examples offered, up to the capacity beside their logits."""
            offered = sum(exposure.shown if self.stores_repeats else exposure.distinct)
            return num_in_reservoir(self.budget, setting, offered, logits=True)

        def replay_from(self, stored: int, batch_size: int) -> Replayed:
            """Return what is drawn; nothing is at an alpha of 0."""
            return super().replay_from(stored if self.alpha else 0, batch_size)

    # The logits of a mixture would be stored with the plain image of its first part.
    takes_mixtures: ClassVar[bool] = False
    strength: ClassVar[str | None] = "alpha"
    fusible: ClassVar[bool] = True
    keeps_logits: ClassVar[bool] = True
    config: Config

    memory: ReservoirMemory

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.weight = config.alpha
        self._logits: Tensor | None = None

    def begin_epoch(self, epoch: int) -> None:
        """Offer the task's examples to the reservoir again, if the option says so."""
        if epoch > 1 and self.config.stores_repeats:
            self.memory.begin_pass()

    @classmethod
    def policy(cls, config: Any) -> type[Memory]:
        """Return the reservoir."""
        return ReservoirMemory

    def loss(self, batch: Examples) -> Tensor:
        """Return the cross-entropy of the batch plus alpha times the logit distance."""
        logits = self.network(batch.x)
        self._logits = logits.detach()
        loss = self.task_loss(batch, logits)
        # At 0 nothing is drawn, so that the step is that of `finetune`, bit for bit.
        if self.config.alpha and self.memory.filled:
            loss = loss + self.weight * self.distance(self.draw(batch))
        return loss

    def distance(self, rows: Tensor) -> Tensor:
        """Return the mean squared distance to the logits stored in some rows."""
        replayed = self.augment(self.memory[rows])
        return F.mse_loss(self.network(replayed.x), self.memory.logits[rows].float())

    def after_step(self, batch: Examples) -> None:
        """Pass the batch, and its logits from before the step, to the memory."""
        if self.update == 0:
            self.memory.after_step(batch, self._logits)

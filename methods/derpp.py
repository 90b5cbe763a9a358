"""DER++: dark experience replay that also learns the labels of stored examples.

    L = CE(B) + alpha mean_{(x, z) in M} mean_c (h_c(x) - z_c)^2 + beta CE(M')

M and M' are two independent draws from the memory.

State:
    memory.*: as in `methods.der`.

Reference:
    Buzzega et al. 2020, Dark experience for general continual learning: a strong, simple baseline,
    NeurIPS, section 3, DER++.

Deviations:
    Those of `methods.der`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from methods.base import Examples, Replayed
from methods.der import DER
from methods.parts.ranges import require_strength


class DERPP(DER):
    """Train on new and stored examples, and keep the logits of stored examples."""

    @dataclass(frozen=True, kw_only=True)
    class Config(DER.Config):
        """Hyperparameters of DER++.

        Attributes:
            beta: weight of the stored examples' cross-entropy, at least 0.
        """

        beta: float = 1.0

        def __post_init__(self) -> None:
            super().__post_init__()
            require_strength("beta", self.beta)

        def replay_from(self, stored: int, batch_size: int) -> Replayed:
            """Return both draws; neither takes place where its weight is 0."""
            draws = (bool(self.alpha) + bool(self.beta)) * min(self.num_drawn(batch_size), stored)
            return Replayed(draws)

    strength: ClassVar[str | None] = None  # alpha and beta together
    config: Config

    def loss(self, batch: Examples) -> Tensor:
        """Return DER's loss plus beta times the cross-entropy of another draw."""
        loss = super().loss(batch)
        if self.config.beta and self.memory.filled:
            replayed = self.augment(self.memory[self.draw(batch)])
            loss = loss + self.config.beta * self.task_loss(replayed)
        return loss

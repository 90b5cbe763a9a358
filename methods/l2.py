"""L2: a quadratic penalty on changes of all parameters alike.

The control for methods that weight parameters by importance; here all importances are 1:

    L(theta) = L_task(theta) + lam/2 sum_j (theta_j - theta*_j)^2

The advantage of EWC, SI, MAS or RWalk over L2 is the benefit of their importances.

State:
    network only: when a task begins, theta* is the network itself, and is copied.

Reference:
    Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks, PNAS 114(13),
    fig. 2A, "L2".

Deviations:
    One anchor, the parameters after the last task, however many tasks were learned.
    The output layer is penalised by default where all tasks share its outputs (domain scenario) and
    left free elsewhere, so that it can adapt to new classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from methods.base import Examples
from methods.parts.anchoring import Penalty, PenaltyConfig, quadratic
from methods.parts.ranges import require_strength


class L2(Penalty):
    """Penalise changes of all parameters alike."""

    @dataclass(frozen=True, kw_only=True)
    class Config(PenaltyConfig):
        """Hyperparameters of L2.

        Attributes:
            lam: strength of the penalty, at least 0.
        """

        lam: float = 0.1

        def __post_init__(self) -> None:
            require_strength("lam", self.lam)

    version: ClassVar[int] = 2
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"lam"})
    strength: ClassVar[str | None] = "lam"
    storage: ClassVar[dict[str, str]] = {}
    fusible: ClassVar[bool] = True
    config: Config

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss, plus the penalty from the second task on."""
        if self.config.lam == 0 or not self.anchor:
            return self.task_loss(batch)
        penalty = quadratic(dict(self.network.named_parameters()), self.anchor)
        return self.task_loss(batch) + self.weight / 2 * penalty

"""L2: every parameter is held as strongly as any other. What "never forget" costs.

The control of all methods that weigh parameters by importance, with all importances 1:

    L(theta) = L_task(theta) + lam/2 sum_j (theta_j - theta*_j)^2

A gain of EWC, SI, MAS or RWalk over this one is what knowing the important parameters buys.

State:
    anchor.<parameter>: [1, *shape], theta*, the parameters after the last task. None before it.

Reference:
    Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks, PNAS 114(13),
    fig. 2A, "L2".

Deviations:
    One anchor, at the parameters after the last task, however many tasks there were.
    The output layer is held by default where every task has the same outputs (domain scenario) and
    left free elsewhere, so that it can make room for new classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView
from methods.parts.anchoring import ParameterRows, Penalty, PenaltyConfig, quadratic
from methods.parts.ranges import require_strength


class L2(Penalty):
    """Hold all parameters alike near where the last task left them."""

    @dataclass(frozen=True, kw_only=True)
    class Config(PenaltyConfig):
        """Hyperparameters of L2.

        Attributes:
            lam: strength of the penalty, at least 0.
            penalise_head: see `methods.parts.anchoring`.
        """

        lam: float = 0.1

        def __post_init__(self) -> None:
            require_strength("lam", self.lam)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"lam"})
    strength: ClassVar[str | None] = "lam"
    storage: ClassVar[Mapping[str, str]] = {"anchor": "anchor"}
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        held = self.anchored_parameters()
        self.anchor = ParameterRows(held, min(outlook.num_learned, 1))

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss plus the penalty, if anything is held yet."""
        if self.config.lam == 0 or self.anchor.rows == 0:
            return self.task_loss(batch)
        held = self.anchored_parameters()
        return self.task_loss(batch) + self.config.lam / 2 * quadratic(held, self.anchor[0])

    def end_task(self, task: TaskView) -> None:
        """Anchor the parameters."""
        self.anchor.replace(self.anchored_parameters())

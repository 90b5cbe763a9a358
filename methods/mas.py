"""Memory Aware Synapses: a quadratic penalty weighted by the sensitivity of the outputs.

The importance of a parameter is the mean absolute derivative of the squared length of the outputs
with respect to it, measured after each task; no labels are needed:

    Omega_j = E_x | d ||f(x)||_2^2 / d theta_j |
    L(theta) = L_task(theta) + lam sum_j Omega_j (theta_j - theta*_j)^2

State:
    importance.<parameter>: [1, *shape], Omega; changes when a task ends. No row before the first.
    theta* is not part of the state: when a task begins it is the network itself, and is copied.

Reference:
    Aljundi et al. 2018, Memory aware synapses: learning what (not) to forget, ECCV, eqs. 2-4 and
    section 4.1 (the squared norm).

Deviations:
    Omega is exact: the absolute value is taken per example, in evaluation mode, as in the paper's
    formula; much code takes that of a batch's mean, or uses the norm without the square.
    f(x) contains the outputs that compete with the example's label: those of its task in the task
    scenario, those seen so far in others. Outputs not yet trained add no importance.
    The sum or the mean of the tasks' Omegas is kept (`accumulate`).
    The output layer is penalised by default where all tasks share its outputs (domain scenario) and
    left free elsewhere, so that it can adapt to new classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView
from methods.parts.anchoring import ImportanceConfig, ParameterRows, Penalty, quadratic
from methods.parts.ranges import require_strength
from methods.parts.sensitivity.sensitivity import mean_over_examples


class MAS(Penalty):
    """Penalise changes of parameters in proportion to the outputs' sensitivity to them."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ImportanceConfig):
        """Hyperparameters of MAS.

        Attributes:
            lam: strength of the penalty, at least 0.
            accumulate: whether importances of tasks are summed, or averaged with weight 1/t.
        """

        lam: float = 0.03
        accumulate: Literal["sum", "mean"] = "sum"

        def __post_init__(self) -> None:
            require_strength("lam", self.lam)

    version: ClassVar[int] = 2
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"lam", "accumulate"})
    strength: ClassVar[str | None] = "lam"
    fusible: ClassVar[bool] = True
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.importance = ParameterRows(
            self.anchored_parameters(), min(outlook.num_learned, 1), config.state_dtype
        )

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss, plus the penalty from the second task on."""
        if self.config.lam == 0 or not self.anchor:
            return self.task_loss(batch)
        parameters = dict(self.network.named_parameters())
        penalty = quadratic(parameters, self.anchor, self.importance[0])
        return self.task_loss(batch) + self.weight * penalty

    def end_task(self, task: TaskView) -> None:
        """Measure the importances."""
        parameters = self.anchored_parameters()
        sensitivity = output_sensitivity(self.network, task.examples, task.allowed)
        importance = {name: sensitivity[name] for name in parameters}
        if self.importance.rows:
            old = self.importance[0]
            keep, add = (1.0, 1.0)
            if self.config.accumulate == "mean":
                # The mean over tasks as it runs: its sum would grow with their number.
                keep, add = 1 - 1 / task.index, 1 / task.index
            importance = {name: keep * old[name] + add * new for name, new in importance.items()}
        self.importance.replace(importance)


def output_sensitivity(
    network: nn.Module, examples: Examples, allowed: Tensor | None = None, batch_size: int = 512
) -> dict[str, Tensor]:
    """Return E_x |d ||f(x)||^2 / d theta|: name -> tensor of the parameter's shape.

    Args:
        network: returns f(x), the logits [B, C]; only parameters that learn are measured.
        examples: the images to average over, and their labels.
        allowed: bool [C, C]; row y marks the outputs that f(x) contains for label y. None: all.
        batch_size: examples per batch; changes the result by rounding only.
    """

    @torch.no_grad()
    def gradient(logits_BC: Tensor, rows: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the one direction, d ||f||^2 / df = 2 f."""
        if allowed is not None:
            # Outputs that may not compete are no part of the learned function, and are left out of
            # its norm.
            logits_BC = logits_BC * allowed[examples.y[rows]]
        yield torch.ones_like(logits_BC[:, 0]), 2 * logits_BC

    # The absolute value of each example's gradient: that of a batch's mean would let examples
    # cancel.
    return mean_over_examples(network, examples.x, gradient, torch.abs, batch_size)

"""Synaptic Intelligence: a quadratic penalty weighted by contributions to the loss's decrease.

During a task, omega sums the decrease of the loss due to the movement of each parameter (see
`methods.parts.path`). When the task ends, it becomes part of the parameter's importance:

    Omega_j <- max(0, Omega_j + omega_j / (Delta_j^2 + xi)),   Delta_j: its movement over the task
    L(theta) = L_task(theta) + c sum_j Omega_j (theta_j - theta*_j)^2

State:
    importance.<parameter>: [1, *shape], Omega; changes when a task ends. No row before the first.
    omega is not part of the state: it is computed within a task. Neither is theta*: when a task
    begins it is the network itself, and is copied.

Reference:
    Zenke et al. 2017, Continual learning through synaptic intelligence, ICML, eqs. 3-5.

Deviations:
    None from the paper's rule: omega uses the gradient of the task's loss alone and starts at zero
    in every task; much code adds the penalty's gradient. Omega is clamped at zero, as in the
    authors' code: a negative value would push parameters away from the anchor.
    The output layer is penalised by default where all tasks share its outputs (domain scenario) and
    left free elsewhere, so that it can adapt to new classes.
    The penalty's gradient is added by its formula after the backward pass, so the reported loss is
    that of the task alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView
from methods.parts.anchoring import ImportanceConfig, ParameterRows, Penalty, add_pull
from methods.parts.path import PathIntegral
from methods.parts.ranges import require_positive, require_strength


class SI(Penalty):
    """Penalise changes of parameters in proportion to their share of the loss's decrease."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ImportanceConfig):
        """Hyperparameters of SI.

        Attributes:
            c: strength of the penalty, at least 0.
            xi: damping, above 0: bounds the importance of parameters that hardly moved.
        """

        c: float = 100.0
        xi: float = 0.1

        def __post_init__(self) -> None:
            require_strength("c", self.c)
            require_positive("xi", self.xi)

    version: ClassVar[int] = 2
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"c"})
    strength: ClassVar[str | None] = "c"
    fusible: ClassVar[bool] = True
    config: Config
    steps_by_element: ClassVar[bool] = True
    _path: PathIntegral
    _row: Mapping[str, Tensor]

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.importance = ParameterRows(
            self.anchored_parameters(), min(outlook.num_learned, 1), config.state_dtype
        )

    def begin_task(self, task: TaskView) -> None:
        """Anchor the parameters and start the path integral of the task."""
        super().begin_task(task)
        self._path = PathIntegral(self.anchored_parameters())
        self._row = self.importance[0] if self.anchor else {}

    def after_backward(self) -> None:
        """Record the gradient of the task's loss, then add the penalty's."""
        self._path.note_gradients()
        if self.config.c > 0 and self.anchor:
            add_pull(self._path.parameters, self.anchor, self._row, self.weight)

    def after_step(self, batch: Examples) -> None:
        """Add the step to the path integral."""
        self._path.note_step()

    @torch.no_grad()
    def end_task(self, task: TaskView) -> None:
        """Compute the importances from the path integral."""
        importance = {
            name: self._path.fall[name] / (moved.square() + self.config.xi)
            for name, moved in self._path.displacements().items()
        }
        if self.importance.rows:
            before = self.importance[0]
            importance = {name: before[name] + new for name, new in importance.items()}
        # Steps that raise the loss count below 0, and a negative importance would push parameters
        # away from the anchor.
        self.importance.replace({name: value.clamp_min(0) for name, value in importance.items()})

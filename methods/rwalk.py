"""Riemannian Walk: a quadratic penalty weighted by Fisher information and by a path score.

A running Fisher diagonal F measures the change of the outputs with each parameter; a score s is the
decrease of the loss due to a parameter per distance in outputs that it moved. Every `interval`
steps, with omega the path integral of those steps (`parts.path`) and d their movement:

    F_j <- alpha F_batch,j + (1 - alpha) F_j
    s_new,j <- s_new,j + max(0, omega_j) / (1/2 F_j d_j^2 + epsilon)

1/2 F_j d_j^2 is the KL divergence between the outputs before and after. When the first task ends,
s <- s_new, and later s <- (s + s_new) / 2. With F and s each scaled to [0, 1]:

    L(theta) = L_task(theta) + lam sum_j (F_j + s_j) (theta_j - theta*_j)^2

State:
    importance.<parameter>: [2, *shape], F and s; changes when a task ends. No row before the first.
    Values collected during a task are not part of the state. Neither is theta*: when a task begins
    it is the network itself, and is copied.

Reference:
    Chaudhry et al. 2018, Riemannian walk for incremental learning, ECCV, section 4; scaling,
    max(0, .) and epsilon = 0.001 as in the authors' code (facebookresearch/agem, model/model.py).

Deviations:
    F_batch is the exact empirical Fisher of one batch, squared per example in evaluation mode; the
    authors' code squares the mean gradient of batches, which depends on the batch size.
    Their code omits the 1/2 and adds the mean to the old score instead of replacing it.
    The last interval of a task is used even if it is short. The memory of examples in the paper is
    not part of this method.
    The output layer is penalised by default where all tasks share its outputs (domain scenario) and
    left free elsewhere, so that it can adapt to new classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView
from methods.parts.anchoring import ImportanceConfig, ParameterRows, Penalty, add_pull
from methods.parts.path import PathIntegral
from methods.parts.ranges import require_one, require_positive, require_strength
from methods.parts.sensitivity.fisher import diagonal_fisher

WHOLE_TASK = 2**31  # steps; more than any task takes


class RWalk(Penalty):
    """Penalise changes of parameters in proportion to Fisher information plus path score."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ImportanceConfig):
        """Hyperparameters of RWalk.

        Attributes:
            lam: strength of the penalty, at least 0.
            alpha: weight of the newest batch in the running Fisher, in (0, 1].
            interval: steps between two updates of Fisher and score, at least 1.
            epsilon: damping of the score, above 0.
        """

        lam: float = 1.0
        alpha: float = 0.9
        interval: int = 10
        epsilon: float = 1e-3

        def __post_init__(self) -> None:
            require_strength("lam", self.lam)
            if not 0 < self.alpha <= 1:
                raise ValueError(f"alpha must be in (0, 1], given {self.alpha}")
            require_one("interval", self.interval)
            require_positive("epsilon", self.epsilon)

        def without_interval(self) -> tuple[Self, int] | None:
            """Return a copy that measures when a task ends, and the steps of an interval."""
            return replace(self, interval=WHOLE_TASK), self.interval

    version: ClassVar[int] = 2
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"lam"})
    strength: ClassVar[str | None] = "lam"
    config: Config
    _path: PathIntegral
    _fisher: dict[str, Tensor]
    _score: dict[str, Tensor]
    _weights: dict[str, Tensor]
    _allowed: Tensor | None
    _last_batch: Examples
    _steps = 0

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        rows = 2 * min(outlook.num_learned, 1)
        self.importance = ParameterRows(self.anchored_parameters(), rows, config.state_dtype)

    def begin_task(self, task: TaskView) -> None:
        """Anchor the parameters, start a path and compute the weights of the penalty."""
        super().begin_task(task)
        parameters = self.anchored_parameters()
        self._path, self._allowed, self._steps = PathIntegral(parameters), task.allowed, 0
        self._score = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._fisher = {}
        if self.importance.rows:
            self._fisher, score = self.importance[0], scale_to_unit(self.importance[1])
            # Both to [0, 1], since they have no unit in common.
            fisher = scale_to_unit(self._fisher)
            self._weights = {name: fisher[name] + score[name] for name in parameters}

    def after_backward(self) -> None:
        """Record the gradient of the task's loss, then add the penalty's."""
        self._path.note_gradients()
        if self.config.lam > 0 and self.anchor:
            add_pull(self._path.parameters, self.anchor, self._weights, self.config.lam)

    def after_step(self, batch: Examples) -> None:
        """Add the step to the path, and close the interval after its last step."""
        self._path.note_step()
        self._steps, self._last_batch = self._steps + 1, batch
        if self._steps % self.config.interval == 0:
            self.close_interval()

    def close_interval(self) -> None:
        """Update the running Fisher and the score, and start the next interval's path."""
        new = diagonal_fisher(self.network, self._last_batch, self._allowed, "empirical")
        # The first interval of all has nothing to average with: F is that of its batch.
        alpha, old = self.config.alpha, self._fisher or new
        self._fisher = {
            name: alpha * new[name] + (1 - alpha) * old[name] for name in self._path.parameters
        }
        for name, score in scores(self._path, self._fisher, self.config.epsilon).items():
            self._score[name] += score
        # The next interval's movement is measured from here.
        self._path = PathIntegral(self._path.parameters)

    def end_task(self, task: TaskView) -> None:
        """Close the last interval and average the scores."""
        # Steps since the last full interval.
        if self._steps % self.config.interval:
            self.close_interval()
        score = self._score
        if self.importance.rows:
            before = self.importance[1]
            # The paper's average: the scores of a task count half as much with each task that
            # follows.
            score = {name: (before[name] + new) / 2 for name, new in score.items()}
        self.importance.replace(self._fisher)
        self.importance.append(score)

    def step_kind(self) -> object:
        """Return whether the next step measures the Fisher."""
        return (self._steps + 1) % self.config.interval == 0


def scores(path: PathIntegral, fisher: Mapping[str, Tensor], epsilon: float) -> dict[str, Tensor]:
    """Return max(0, omega) / (1/2 F d^2 + epsilon) of a path."""
    return {
        name: path.fall[name].clamp_min(0) / (fisher[name] * moved.square() / 2 + epsilon)
        for name, moved in path.displacements().items()
    }


def scale_to_unit(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return values scaled and shifted so that over all tensors the minimum is 0, the maximum 1."""
    low = torch.stack([v.min() for v in values.values()]).min()
    high = torch.stack([v.max() for v in values.values()]).max()
    scale = 1 / (high - low).clamp_min(torch.finfo(high.dtype).tiny)
    return {name: (v - low) * scale for name, v in values.items()}

"""Gradient episodic memory: no step may raise the loss on any past task, to first order.

With g the gradient of the batch and g_k that of all examples stored of past task k, where some
<g, g_k> < 0 the step is taken along the nearest gradient that makes no angle above 90 degrees with
any of them:

    g~ = argmin_z 1/2 ||z - g||^2  subject to  <z, g_k> >= 0 for all k;    g~ = g + G^T v

With a `strength` below 1 it is taken part of the way there, along g + strength G^T v.

State:
    memory.*: the last examples of each task, see `methods.parts.ring`; they change at each step.

Reference:
    Lopez-Paz & Ranzato 2017, Gradient episodic memory for continual learning, NeurIPS, eqs. 8-11
    and algorithm 1.

Deviations:
    Those of `parts.episodic` (as in the authors' code, margin is a bound on v) and `parts.ring`
    (shares shrink as tasks are met; theirs are fixed by the number of tasks to come). Products of
    gradients are in single precision, the quadratic programme in double; theirs are all in double.
    strength is an addition: the paper's is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from torch import nn

from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.budget import MemoryConfig
from methods.parts.episodic import Gradients, multipliers
from methods.parts.ranges import require_positive, require_share, require_strength
from methods.parts.ring import RingMemory

# Of the sum of the squared norms; single precision can make G G^T that much less than positive.
ROUNDING = 1e-6


class GEM(Method):
    """Step along the nearest gradient that does not raise the loss of any past task."""

    @dataclass(frozen=True, kw_only=True)
    class Config(MemoryConfig):
        """Hyperparameters of GEM.

        Attributes:
            margin: least weight of each past gradient once some constraint is violated, at least 0;
                the paper's memory strength.
            ridge: what is added to the diagonal of G G^T, above 0.
            strength: share of G^T v that is added to g, in [0, 1]; 1 is the paper's.
        """

        margin: float = 0.5
        ridge: float = 1e-3
        strength: float = 1.0

        def __post_init__(self) -> None:
            super().__post_init__()
            require_strength("margin", self.margin)
            require_positive("ridge", self.ridge)
            require_share("strength", self.strength)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"margin", "ridge", "strength"})
    strength: ClassVar[str | None] = "strength"
    storage: ClassVar[dict[str, str]] = {"memory": "buffer"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return that the scenario is not served, or that some task would have no example."""
        return super().objection(config, setting) or RingMemory.objection(config.budget, setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = RingMemory(config.budget, outlook)
        self._gradients = Gradients(network)

    def begin_task(self, task: TaskView) -> None:
        """Give the task its share of the memory."""
        self.memory.begin_task(task)

    def after_backward(self) -> None:
        """Project the gradient, if it makes an angle above 90 degrees with that of a past task."""
        if self.config.strength == 0 or not self.memory.spans:
            return
        past = [self.memory[span] for span in self.memory.spans]
        self._gradients.take([partial(self.task_loss, examples) for examples in past])
        products = self._gradients.products().double().cpu().numpy()
        inner_K, gram_KK = products[0, 1:], products[1:, 1:]
        # A gradient that is not finite makes the loss so: the learner tells.
        if (inner_K < 0).any() and np.isfinite(products).all():
            ridge = max(self.config.ridge, ROUNDING * gram_KK.trace())
            weights_K = multipliers(gram_KK, inner_K, self.config.margin, ridge)
            self._gradients.move((self.config.strength * weights_K).tolist())

    def after_step(self, batch: Examples) -> None:
        """Show the batch to the memory."""
        self.memory.after_step(batch)

    def end_task(self, task: TaskView) -> None:
        """Close the memory."""
        self.memory.end_task(task)

    def step_kind(self) -> object:
        """Return how many examples of each past task a step goes through."""
        return tuple(span.stop - span.start for span in self.memory.spans)

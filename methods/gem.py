"""Gradient episodic memory: to first order, no step raises the stored loss of any past task.

Let g be the gradient of the batch and g_k that of all stored examples of past task k. If some
<g, g_k> < 0, the step uses the nearest gradient that has no angle above 90 degrees with any g_k:

    g~ = argmin_z 1/2 ||z - g||^2  subject to  <z, g_k> >= 0 for all k;    g~ = g + G^T v

With a `strength` below 1 the step uses g + strength G^T v.

State:
    memory.*: the last examples of each task, see `methods.parts.ring`; they change at each step.

Reference:
    Lopez-Paz & Ranzato 2017, Gradient episodic memory for continual learning, NeurIPS, eqs. 8-11
    and algorithm 1.

Deviations:
    Those of `parts.episodic` (as in the authors' code, margin is a bound on v) and `parts.ring`
    (shares shrink as the number of tasks grows; in the paper they are fixed by the total number of
    tasks). Products of gradients are in single precision, the quadratic programme in double; the
    authors' are all in double.
    strength is an addition: the paper's is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from methods.base import Examples, Exposure, Method, Outlook, Replayed, Setting, TaskView
from methods.parts.budget import MemoryConfig
from methods.parts.episodic import Gradients, multipliers
from methods.parts.ranges import require_positive, require_share, require_strength
from methods.parts.ring import RingMemory, num_kept

# Smallest ridge, relative to the trace of G G^T: in single precision G G^T can have negative
# eigenvalues of that size.
ROUNDING = 1e-6


class GEM(Method):
    """Project the gradient so that the stored loss of no past task rises."""

    @dataclass(frozen=True, kw_only=True)
    class Config(MemoryConfig):
        """Hyperparameters of GEM.

        Attributes:
            margin: smallest weight of each past gradient once some constraint is violated, at least
                0; the paper's memory strength.
            ridge: added to the diagonal of G G^T, above 0.
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

        def num_replayed(self, setting: Setting, exposure: Exposure, batch_size: int) -> Replayed:
            """Return all that is stored of past tasks; none where nothing is projected."""
            past = exposure.distinct[:-1]
            return Replayed(num_kept(self.budget, setting, past) if self.strength else 0)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"margin", "ridge", "strength"})
    strength: ClassVar[str | None] = "strength"
    storage: ClassVar[dict[str, str]] = {"memory": "buffer"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the memory is smaller than one per task."""
        return super().objection(config, setting) or RingMemory.objection(config.budget, setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.memory = RingMemory(config.budget, outlook)
        self._gradients = Gradients(network)

    def begin_task(self, task: TaskView) -> None:
        """Make room in the memory for the task."""
        self.memory.begin_task(task)

    def after_backward(self) -> None:
        """Project the gradient if its angle with that of a past task is above 90 degrees."""
        if self.config.strength == 0 or not self.memory.spans:
            return
        past = [self.augment(self.memory[span]) for span in self.memory.spans]
        self._gradients.take([partial(self.task_loss, examples) for examples in past])
        # The programme has K unknowns, so it is solved on the CPU: one transfer a step.
        products = self._gradients.products().double().cpu().numpy()
        inner_K, gram_KK = products[0, 1:], products[1:, 1:]
        # The learner reports a gradient that is not finite; the programme would fail on it.
        if (inner_K < 0).any() and np.isfinite(products).all():
            ridge = max(self.config.ridge, ROUNDING * gram_KK.trace())
            weights_K = multipliers(gram_KK, inner_K, self.config.margin, ridge)
            moved_K = torch.from_numpy(self.config.strength * weights_K)
            self._gradients.move(moved_K.to(self._gradients.rows))

    def after_step(self, batch: Examples) -> None:
        """Pass the batch to the memory, once."""
        if self.update == 0:
            self.memory.after_step(batch)

    def end_task(self, task: TaskView) -> None:
        """Finish the memory's task."""
        self.memory.end_task(task)

    def step_kind(self) -> object:
        """Return the number of stored examples of each past task."""
        return tuple(span.stop - span.start for span in self.memory.spans)

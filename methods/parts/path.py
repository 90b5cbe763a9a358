"""The path that training takes: how much of the loss's fall each parameter's movement brought.

    omega_j = - sum_t g_j(t) (theta_j(t + 1) - theta_j(t))

g is the gradient of the task's loss alone, without any penalty; theta's change is the one the
optimiser really made, so that omega means the same under Adam, momentum and weight decay.

Reference:
    Zenke et al. 2017, Continual learning through synaptic intelligence, ICML, eqs. 1-3.

Deviations:
    None. Discrete steps stand for the integral, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class PathIntegral:
    """The sum of a stretch of training, and where that stretch began.

    Attributes:
        parameters: those that are followed, by name.
        start: their values where the stretch began.
        fall: omega of the stretch so far, by name.
    """

    @torch.no_grad()
    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.parameters = parameters
        self.start = {name: p.clone() for name, p in parameters.items()}
        self.fall = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._before = {name: p.clone() for name, p in parameters.items()}
        self._gradients: dict[str, Tensor] = {}

    def note_gradients(self) -> None:
        """Note the gradients as they are; who changes them later must not do so in place."""
        self._gradients = {n: p.grad for n, p in self.parameters.items() if p.grad is not None}

    @torch.no_grad()
    def note_step(self) -> None:
        """Add the step just taken from where the gradients were noted."""
        for name, p in self.parameters.items():
            before = self._before[name]
            if name in self._gradients:
                self.fall[name].addcmul_(self._gradients[name], before.sub_(p))
            before.copy_(p)

    def moved(self) -> dict[str, Tensor]:
        """Return how far each parameter is from where the stretch began."""
        return {name: p.detach() - self.start[name] for name, p in self.parameters.items()}

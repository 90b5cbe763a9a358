"""The path integral of training: the decrease of the loss due to each parameter's movement.

    omega_j = - sum_t g_j(t) (theta_j(t + 1) - theta_j(t))

g is the gradient of the task's loss without any penalty. theta(t + 1) - theta(t) is the optimiser's
actual step, so that omega has the same meaning with Adam, momentum and weight decay.

Reference:
    Zenke et al. 2017, Continual learning through synaptic intelligence, ICML, eqs. 1-3.

Deviations:
    None. The integral is a sum over steps, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class PathIntegral:
    """The path integral since its creation.

    Attributes:
        parameters: the parameters to follow, by name.
        start: their initial values.
        fall: omega so far, by name.
    """

    @torch.no_grad()
    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.parameters = parameters
        self.start = {name: p.clone() for name, p in parameters.items()}
        self.fall = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._before = {name: p.clone() for name, p in parameters.items()}
        self._gradients: dict[str, Tensor] = {}

    def note_gradients(self) -> None:
        """Keep references to the gradients; they must not be modified in place afterwards."""
        self._gradients = {n: p.grad for n, p in self.parameters.items() if p.grad is not None}

    @torch.no_grad()
    def note_step(self) -> None:
        """Add the step just taken to the sum."""
        for name, p in self.parameters.items():
            before = self._before[name]
            # A parameter without a gradient may still move, by weight decay: that is not the loss's
            # doing.
            if name in self._gradients:
                self.fall[name].addcmul_(self._gradients[name], before.sub_(p))
            before.copy_(p)

    def displacements(self) -> dict[str, Tensor]:
        """Return the displacement of each parameter since the start."""
        return {name: p.detach() - self.start[name] for name, p in self.parameters.items()}

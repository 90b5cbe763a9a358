"""The network as the last task left it: copies made when a task begins, which are not carried.

Between tasks such a copy equals the network, so a state that held it would hold the network twice.
A method makes it in `begin_task`, from the second task on, and keeps it as a plain attribute: one
that is neither a buffer nor a submodule is not part of the state.

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from methods.parts.initialisation import frozen_copy


class FormerNetwork:
    """A copy of a network, frozen and in evaluation mode.

    Attributes:
        module: the copy.
    """

    def __init__(self, network: nn.Module) -> None:
        self.module = frozen_copy(network).eval()

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Return the scores [B, C] of examples."""
        return cast(Tensor, self.module(x))


def copy_values(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of the values of parameters, by name."""
    return {name: p.detach().clone() for name, p in parameters.items()}

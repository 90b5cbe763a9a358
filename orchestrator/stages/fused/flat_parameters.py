"""The parameters of siblings as one tensor, and one optimiser for all of them.

Shape legend: S slots, P elements of a sibling's parameters, each tensor's rounded up to whole
cache lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from orchestrator.stages.fused.aligned import LINE
from orchestrator.stages.fused.slots import fill_slots
from orchestrator.stages.fused.stacked import Stacked
from orchestrator.stages.learning.training import Training
from orchestrator.stages.without_compiler import spare_optimizers


class FlatParameters:
    """The parameters that learn as one tensor [S, P], so that an optimiser takes one step for all.

    Attributes:
        leaves: its parts, by parameter, [S, ...]; they take the place of the stacked ones.
    """

    def __init__(self, state: Stacked) -> None:
        learning = state.learning_indices()
        # Rounded up to whole cache lines: vector instructions on a parameter then see the same
        # alignment whatever stands before it, and so give the same bits.
        sizes = [-(-state.tensors[i][0].numel() // LINE) * LINE for i in learning]
        lead = state.tensors[learning[0]]
        self.values, self._gradients = lead.new_zeros((2, len(lead), sum(sizes))).unbind()
        self._parts: list[Tensor] = []
        for i, values, gradients in zip(
            learning,
            torch.split(self.values, sizes, dim=1),
            torch.split(self._gradients, sizes, dim=1),
            strict=True,
        ):
            shape = state.tensors[i].shape
            length = shape[1:].numel()
            part = values[:, :length].view(shape).copy_(state.tensors[i])
            self._parts.append(gradients[:, :length].view(shape))
            # The stacked tensors now are views of the flat one, so that the optimiser's step
            # reaches them.
            state.tensors[i] = part.requires_grad_()
        self.leaves = [state.tensors[i] for i in learning]
        state.share()

    def rows(self, start: int, end: int) -> Tensor:
        """Return the parameters of some slots, with their gradients, for an optimiser."""
        # A view: the optimiser writes into the flat tensor itself.
        part = torch.nn.Parameter(self.values[start:end])
        part.grad = self._gradients[start:end]
        return part

    @torch.no_grad()
    def set_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Set the gradients of the leaves."""
        for part, gradient in zip(self._parts, gradients, strict=True):
            part.copy_(gradient)


def make_joint_optimizer(
    flat: FlatParameters, trainings: Sequence[Training]
) -> torch.optim.Optimizer:
    """Return an optimiser of all siblings, in which each has its own learning rate."""
    spare_optimizers()
    groups: list[dict[str, Any]] = []
    start = 0
    # `run_group` sorts siblings by their rate, so that those of one rate are neighbours.
    for rate, alike in groupby(fill_slots(trainings, len(flat.values)), attrgetter("lr")):
        end = start + len(list(alike))
        groups.append({"params": [flat.rows(start, end)], "lr": rate})
        start = end
    return trainings[0].optimizer_class()(groups, **trainings[0].optimizer_arguments())

"""The outputs that compete for a batch: those of the classes in it, and no others.

Shape legend: B examples, C classes of the head.

Reference:
    Caccia et al. 2022, New insights on reducing abrupt representation change in online continual
    learning, ICLR, section 4.

Deviations:
    None.
"""

from __future__ import annotations

import torch
from torch import Tensor

from methods.base import Examples


def among_own_classes(logits_BC: Tensor, batch: Examples) -> Tensor:
    """Return logits that are -inf at the outputs that are no label of a batch."""
    return logits_BC.masked_fill(absent_outputs(batch, logits_BC.shape[1]), float("-inf"))


def absent_outputs(batch: Examples, num_classes: int) -> Tensor:
    """Return the outputs, bool [C], that are no label of a batch."""
    outputs = torch.arange(num_classes, device=batch.y.device)
    labels = torch.cat((batch.y, batch.mixture()[0]))
    return ~(labels.unsqueeze(1) == outputs).any(dim=0)

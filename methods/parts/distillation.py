"""Distillation: the divergence of outputs from a teacher's, over groups of classes that compete.

Shape legend: B images, C outputs, G groups of competing outputs.

Reference:
    Li and Hoiem 2016, Learning without forgetting, ECCV, eq. 2.

Deviations:
    Those of `methods.lwf`.
"""

from __future__ import annotations

import torch
from torch import Tensor


def groups(old_C: Tensor, allowed: Tensor | None, whole: bool = False) -> Tensor:
    """Return bool [G, C]: the distinct sets of old classes that compete with an old class.

    With `whole` they have all outputs that compete with it, new classes' too.
    """
    members_C = torch.ones_like(old_C) if whole else old_C
    if allowed is None:
        return members_C.unsqueeze(0)
    rows: Tensor = torch.unique((allowed[old_C] & members_C).byte(), dim=0)
    return rows.bool()


def divergence(
    teacher_BC: Tensor, logits_BC: Tensor, groups_GC: Tensor, temperature: float
) -> Tensor:
    """Return sum_groups KL(softmax(teacher / T) || softmax(logits / T)), mean over the batch."""
    outside_G1C = ~groups_GC.unsqueeze(1)
    log_p, log_q = (
        (z_BC / temperature).masked_fill(outside_G1C, float("-inf")).log_softmax(dim=2)
        for z_BC in (logits_BC, teacher_BC)
    )
    # Outside a group both are -inf, whose difference would be NaN.
    difference = (log_q - log_p).masked_fill(outside_G1C, 0)
    return (log_q.exp() * difference).sum() / len(logits_BC)


def soft_target_loss(
    old_GBC: Tensor, logits_GBC: Tensor, competing: Tensor, temperature: float
) -> Tensor:
    """Return the cross-entropy from softened old probabilities, mean over groups and images.

    Args:
        old_GBC: of the old network; -inf outside of its own outputs.
        logits_GBC: -inf outside of the competing outputs.
        competing: bool, broadcast to [G, B, C].
        temperature: above 0.
    """
    log_p = (logits_GBC / temperature).log_softmax(dim=2)
    target = (old_GBC / temperature).softmax(dim=2)
    return -(target * log_p.masked_fill(~competing, 0)).sum(dim=2).mean()

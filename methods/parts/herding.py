"""Herding: choose examples one by one so that their mean stays near the mean of all.

    p_k = argmin_x || mu - 1/k (phi(x) + sum_{j<k} phi(p_j)) ||

Shape legend: N examples, F features.

Reference:
    Welling 2009, Herding dynamical weights to learn, ICML. Rebuffi et al. 2017, iCaRL, CVPR,
    algorithm 4.

Deviations:
    An example is chosen at most once, which the formula alone does not require. As in the authors'
    code, averages are not normalised before they are compared; the paper remarks that they are.
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def herded(features_NF: Tensor, count: int) -> Tensor:
    """Return the indices [min(count, N)] of the examples in the order of choice.

    With w = k mu - sum_{j<k} phi(p_j) the distance to minimise is ||w - phi(x)|| / k, which needs
    one product of all representations with w.
    """
    mean_F = features_NF.mean(dim=0)
    half_square_N = features_NF.square().sum(dim=1) / 2
    target_F = torch.zeros_like(mean_F)
    chosen = []
    for _ in range(min(count, len(features_NF))):
        target_F = target_F + mean_F
        gain_N = (features_NF @ target_F.unsqueeze(1)).squeeze(1) - half_square_N
        best = gain_N.argmax(dim=0, keepdim=True)
        chosen.append(best)
        target_F = target_F - features_NF.index_select(0, best).squeeze(0)
        half_square_N = half_square_N.index_fill(0, best, float("inf"))
    return torch.cat(chosen)

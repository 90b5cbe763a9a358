"""A head with several proxies for each class, and the loss that is learned with it.

The score of a class is the mean of the cosines of an example's features and its K proxies, weighted
by their softmax:

    s_c(x) = sum_k softmax_k(<w_ck, f(x)>) <w_ck, f(x)>,   all normalised

Shape legend: B examples, F features, C outputs, K proxies of an output.

Reference:
    Douillard et al. 2020, PODNet: Pooled outputs distillation for small-tasks incremental learning,
    ECCV, section 3.3 and eq. 7 (local similarity classifier) and 8 (loss).

Deviations:
    None.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FAR = -1e4  # the exponential of which is 0


class ProxyHead(nn.Linear):
    """Scores s s_c, with a scale s that is learned; those of classes without proxies are 0.

    Args:
        head: whose sizes it has.
        proxies: K.
    """

    def __init__(self, head: nn.Linear, proxies: int) -> None:
        # On no device, so that nothing is drawn.
        rows = head.out_features * proxies
        super().__init__(head.in_features, rows, bias=False, device="meta")
        self.proxies = proxies
        self.weight = nn.Parameter(head.weight.detach().new_zeros(rows, head.in_features))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of features [B, F]."""
        return self.scale * self.similarities(x)

    def similarities(self, x: Tensor) -> Tensor:
        """Return s_c [B, C] of features [B, F]."""
        cosines = F.linear(F.normalize(x), F.normalize(self.weight)).float()
        cosines_BCK = cosines.view(len(x), -1, self.proxies)
        weighted_BCK: Tensor = cosines_BCK.softmax(dim=2) * cosines_BCK
        return weighted_BCK.sum(dim=2)

    def rows(self, label: int) -> slice:
        """Return the rows of the weight that are a class's proxies."""
        return slice(label * self.proxies, (label + 1) * self.proxies)


def nca_loss(scores_BC: Tensor, y: Tensor, others: Tensor, margin: Tensor) -> Tensor:
    """Return mean max(0, log sum_{c other than y} exp(score_c) - (score_y - margin)).

    Args:
        scores_BC: scaled similarities.
        y: labels [B].
        others: bool [B, C], the outputs that compete with each label.
        margin: in scores.
    """
    own_B1 = F.one_hot(y, scores_BC.shape[1]).bool()
    rivals_BC = scores_BC.masked_fill(own_B1 | ~others, FAR)
    own_B = scores_BC.gather(1, y.unsqueeze(1)).squeeze(1)
    return (rivals_BC.logsumexp(dim=1) - own_B + margin).clamp(min=0).mean()


@torch.no_grad()
def centroids(
    features_NF: Tensor, count: int, generator: torch.Generator, rounds: int = 10
) -> Tensor:
    """Return `count` centroids [count, F] of features by Lloyd's algorithm.

    It begins with random examples, and repeats them if there are fewer than centroids. A centroid
    without examples stays where it is.
    """
    # Drawn on the CPU, so that a GPU begins with the same examples.
    order = torch.randperm(len(features_NF), generator=generator)
    rows = order[torch.arange(count) % len(order)].to(features_NF.device)
    centres_KF = features_NF[rows]
    for _ in range(rounds):
        # Of ||f - c||^2 the part that depends on c.
        distance_NK = centres_KF.square().sum(dim=1) - 2 * features_NF @ centres_KF.T
        member_NK = F.one_hot(distance_NK.argmin(dim=1), count).to(features_NF.dtype)
        size_K1 = member_NK.sum(dim=0).unsqueeze(1)
        centres_KF = torch.where(
            size_K1 > 0, member_NK.T @ features_NF / size_K1.clamp(min=1), centres_KF
        )
    return centres_KF

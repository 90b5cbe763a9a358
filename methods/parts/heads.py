"""Heads that a method may put in the place of its network's: cosine scores, and outputs that grow.

    self.network.head = GrowingHead(network.head)

Shape legend: B examples, F features, C outputs, R rows of a growing head.

Reference:
    Cosine head: Gidaris & Komodakis 2018, Dynamic few-shot visual learning without forgetting,
    CVPR; Hou et al. 2019, Learning a unified classifier incrementally via rebalancing, CVPR,
    section 3.2.

Deviations:
    The scale of the cosine begins at 10, as in Gidaris & Komodakis; Hou et al. begin at 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CosineHead(nn.Linear):
    """Scores s cos(w_c, x), with a scale s that is learned.

    Args:
        head: of which the weights are taken; its bias has no counterpart.
        scale: s at the start.
    """

    def __init__(self, head: nn.Linear, scale: float = 10.0) -> None:
        # On no device, so that nothing is drawn for weights that are replaced.
        super().__init__(head.in_features, head.out_features, bias=False, device="meta")
        self.weight = nn.Parameter(head.weight.detach().clone())
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of features [B, F]."""
        return cosine_scores(x, self.weight, self.scale)


def cosine_scores(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Return scale times the cosines [B, C] of features [B, F] and weights [C, F]."""
    return scale * F.linear(F.normalize(x), F.normalize(weight))


@torch.no_grad()
def align_weights(head: nn.Linear | GrowingHead, old: Sequence[int], new: Sequence[int]) -> None:
    """Scale the new classes' weights to the mean norm of the old classes', in place.

    Reference: Zhao et al. 2020, Maintaining discrimination and fairness in class incremental
        learning, CVPR.
    """
    norm_C = head.weight.norm(dim=1)
    head.weight[list(new)] *= norm_C[list(old)].mean() / norm_C[list(new)].mean()


class GrowingHead(nn.Module):
    """A linear head that has the first R of its C outputs; the others score 0.

    It has as many rows, and as many inputs, as a state that is loaded.

    Args:
        head: whose sizes it has when all outputs are there.
        widths: how many times its inputs it has with all outputs, the most that a state has; 0: it
            has its inputs and no outputs yet.
    """

    def __init__(self, head: nn.Linear, widths: int = 0) -> None:
        super().__init__()
        self.num_outputs = head.out_features
        rows, features = (self.num_outputs if widths else 0), head.in_features * max(widths, 1)
        self.weight = nn.Parameter(head.weight.detach().new_zeros((rows, features)))
        self.bias = nn.Parameter(head.weight.detach().new_zeros(rows))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores [B, C] of features [B, F]."""
        scores = F.linear(x, self.weight, self.bias)
        return F.pad(scores, (0, self.num_outputs - len(self.bias)))

    def grow(self, rows: int, generator: torch.Generator) -> None:
        """Add outputs until there are `rows`, drawn by the law of `nn.Linear`."""
        more, features = rows - len(self.bias), self.weight.shape[1]
        if more <= 0:
            return
        # Weight and bias of a row in one draw: a row's values do not depend on how many follow.
        drawn = self._draw(more, features + 1, features, generator)
        self.append(drawn[:, 1:], drawn[:, 0])

    def append(self, weight: Tensor, bias: Tensor) -> None:
        """Add outputs with weights [rows, F] and biases [rows]."""
        self.weight = nn.Parameter(torch.cat((self.weight.detach(), weight)))
        self.bias = nn.Parameter(torch.cat((self.bias.detach(), bias)))

    def widen(self, features: int, generator: torch.Generator) -> None:
        """Add inputs until there are `features`, with weights by the law of `nn.Linear`."""
        rows, before = self.weight.shape
        drawn = self._draw(rows, features - before, features, generator)
        self.weight = nn.Parameter(torch.cat((self.weight.detach(), drawn), dim=1))

    @torch.no_grad()
    def redraw(self, generator: torch.Generator) -> None:
        """Draw all weights and biases anew, in place."""
        rows, features = self.weight.shape
        drawn = self._draw(rows, features + 1, features, generator)
        self.weight.copy_(drawn[:, 1:])
        self.bias.copy_(drawn[:, 0])

    def _draw(self, rows: int, columns: int, features: int, generator: torch.Generator) -> Tensor:
        bound = features**-0.5
        drawn: Tensor = (torch.rand(rows, columns, generator=generator) * 2 - 1) * bound
        return drawn.to(self.weight.device)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("weight", "bias"):
            stored = state_dict.get(f"{prefix}{name}")
            if stored is not None:
                empty = getattr(self, name).detach().new_zeros(stored.shape)
                setattr(self, name, nn.Parameter(empty))
        super()._load_from_state_dict(state_dict, prefix, *rest)

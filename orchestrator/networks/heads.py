"""Heads: layers that turn features into one score per class."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from methods.parts.heads import cosine_scores

HeadKind = Literal["linear", "cosine"]


class CosineLinear(nn.Linear):
    """Scores that are cosines of the features and the weights of each class, times a scale.

    The scale is learned, begins at 1, and is the same for all classes. The cosines of features of
    length 0 are 0. There is no bias.

    Shapes:
        x: float [B, F]; returns [B, C] in [-scale, scale].

    Reference:
        Hou et al. (2019), Learning a unified classifier incrementally via rebalancing, CVPR, eq. 4;
        the weights are drawn and the scale begins as in the authors' code.
    Deviations:
        The authors remove the last ReLU of their ResNet, so that features may be negative. Here a
        network's features do not depend on its head.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)
        self.scale = nn.Parameter(torch.ones(()))

    def reset_parameters(self) -> None:
        """Draw the weights, and set the scale to 1."""
        super().reset_parameters()
        if hasattr(self, "scale"):  # not yet when the constructor of the base class calls this
            nn.init.ones_(self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of features."""
        return cosine_scores(x, self.weight, self.scale)


def create_head(kind: HeadKind, num_features: int, num_classes: int) -> nn.Linear:
    """Return a head of a kind.

    Raises:
        ValueError: the kind is none.
    """
    heads: dict[str, type[nn.Linear]] = {"linear": nn.Linear, "cosine": CosineLinear}
    if kind not in heads:
        raise ValueError(f"head: {kind!r}; valid: {', '.join(heads)}")
    return heads[kind](num_features, num_classes)

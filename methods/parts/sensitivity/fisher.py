"""The exact diagonal of the Fisher information: gradients are squared per example, not per batch.

    F_j = E_x E_{c ~ q(.|x)} [ (d log p(c|x) / d theta_j)^2 ]

Shape legend: N examples, B of a batch, C outputs.

Reference:
    Martens 2020, New insights and perspectives on the natural gradient method, JMLR 21(146).
    The choice of q: van de Ven 2025, On the computation of the Fisher information in continual
    learning, arXiv:2502.11756.

Deviations:
    None. p is the softmax over the outputs allowed to compete with the example's label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from methods.base import Examples
from methods.parts.sensitivity.sensitivity import mean_over_examples

Labels = Literal["all", "sampled", "empirical"]


def diagonal_fisher(
    network: nn.Module,
    examples: Examples,
    allowed: Tensor | None = None,
    labels: Labels = "all",
    generator: torch.Generator | None = None,
    batch_size: int = 512,
) -> dict[str, Tensor]:
    """Return parameter name -> Fisher diagonal; see `mean_over_examples` for cost and side effects.

    Args:
        network: returns logits [B, C].
        examples: the images to average over, and their labels.
        allowed: bool [C, C]; row y marks the outputs that compete with label y. None: all do.
        labels: q. "all": the network's p(c|x), summed exactly over c; "sampled": one draw from it
            per example; "empirical": the true label.
        generator: for the draws of "sampled".
        batch_size: as in `mean_over_examples`.
    """
    directions = LabelDirections.from_examples(examples, allowed, labels, generator)
    return mean_over_examples(network, examples.x, directions, torch.square, batch_size)


@dataclass(frozen=True, eq=False)
class LabelDirections:
    """The labels whose log-probability is differentiated, and their weights.

    Attributes:
        y: int64 [N], the true labels.
        allowed: bool [C, C] or None.
        labels: see `diagonal_fisher`.
        classes: outputs whose probability can be above 0, for "all"; None: every output.
        draws: float64 [N] uniform in [0, 1), for "sampled". Drawn before the first batch, so that
            the labels do not depend on the batch size.
    """

    y: Tensor
    allowed: Tensor | None
    labels: Labels
    classes: tuple[int, ...] | None
    draws: Tensor | None

    @staticmethod
    def from_examples(
        examples: Examples,
        allowed: Tensor | None,
        labels: Labels,
        generator: torch.Generator | None,
    ) -> LabelDirections:
        """Return the directions for a set of examples."""
        classes = draws = None
        if allowed is not None and labels == "all":
            present = examples.y.bincount(minlength=len(allowed)) > 0
            classes = tuple(allowed[present].any(dim=0).nonzero().flatten().tolist())
        if labels == "sampled":
            draws = torch.rand(len(examples), generator=generator, dtype=torch.float64)
            draws = draws.to(examples.y.device)
        return LabelDirections(examples.y, allowed, labels, classes, draws)

    @torch.no_grad()
    def __call__(self, logits_BC: Tensor, rows: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (weight [B], d log p(c|x) / d logits [B, C]) for each label c."""
        y_B = self.y[rows]
        if self.allowed is not None:
            logits_BC = logits_BC.masked_fill(~self.allowed[y_B], float("-inf"))
        p_BC = logits_BC.softmax(dim=1)
        for label_B in self.iterate_labels(p_BC, y_B, rows):
            index = label_B.unsqueeze(1)
            weight = p_BC.gather(1, index).squeeze(1)
            if self.labels != "all":
                weight = torch.ones_like(weight)
            yield weight, (-p_BC).scatter_add(1, index, torch.ones_like(p_BC[:, :1]))

    def iterate_labels(self, p_BC: Tensor, y_B: Tensor, rows: slice) -> Iterator[Tensor]:
        """Yield labels [B]: one tensor per class for "all", else a single one."""
        if self.labels == "empirical":
            yield y_B
        elif self.draws is not None:
            cumulative = p_BC.double().cumsum(dim=1)
            # The cumulative sum can end below 1 by rounding.
            below_draw = cumulative / cumulative[:, -1:] <= self.draws[rows].unsqueeze(1)
            yield below_draw.sum(dim=1)
        else:
            for c in range(p_BC.shape[1]) if self.classes is None else self.classes:
                yield torch.full_like(y_B, c)

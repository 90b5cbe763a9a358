"""Exemplars: stored examples that represent their class, and the mean representations.

Shape legend: N examples, C outputs, F features: the inputs of the network's layer `head`.

Reference:
    Rebuffi et al. 2017, iCaRL, CVPR, algorithms 1 (means), 4 and 5 (exemplars).

Deviations:
    A class must not occur in two tasks.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook
from methods.parts.budget import Budget
from methods.parts.class_balanced import ClassBalancedMemory

Represent = Callable[[Tensor], Tensor]

# Images per forward pass.
BATCH = 1024


class ExemplarMemory(ClassBalancedMemory):
    """The same number of examples of every class seen, chosen by herding when a task ends.

    They are sorted by class, and within a class in the order of choice.

    Args:
        represent: returns the normalised representations [N, F] of images.
    """

    def __init__(self, budget: Budget, outlook: Outlook, represent: Represent) -> None:
        super().__init__(budget, outlook)
        self._represent = represent

    def means(self) -> Tensor:
        """Return the normalised mean representations [C, F]; 0 for a class without exemplars."""
        examples = self[: self.filled]
        features_NF = self._represent(examples.x)
        member_NC = F.one_hot(examples.y, self.num_classes).to(features_NF.dtype)
        return F.normalize(member_NC.T @ features_NF)

    def rank_stored(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the rows unchanged: they are in the order of choice."""
        return rows

    def rank_new(
        self, examples: Examples, rows: Tensor, count: int, generator: torch.Generator
    ) -> Tensor:
        """Return up to `count` rows in the order in which herding chooses them."""
        if count == 0 or len(rows) == 0:
            return rows[:0]
        features_NF = self._represent(examples.x[rows.to(examples.y.device)])
        return rows[herd(features_NF, count).cpu()]


def output_layer(network: nn.Module) -> nn.Linear:
    """Return a network's output layer, whose input is the representation.

    Raises:
        ValueError: the network has no linear layer named head.
    """
    head = getattr(network, "head", None)
    if not isinstance(head, nn.Linear):
        raise ValueError(
            f"{type(network).__name__} has no linear layer named head, whose input would be the "
            "representation of an image: name the output layer head"
        )
    return head


def representations(network: nn.Module, x: Tensor) -> Tensor:
    """Return normalised representations [N, F] of images, in the network's current mode."""
    features: list[Tensor] = []
    handle = output_layer(network).register_forward_pre_hook(
        lambda _, args: features.append(args[0])
    )
    try:
        for part in torch.split(x, BATCH):
            network(part)
    finally:
        handle.remove()
    return F.normalize(torch.cat(features))


def scores_and_features(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores [B, C] and the features [B, F] they are of, in one pass with gradients."""
    features: list[Tensor] = []
    handle = output_layer(network).register_forward_pre_hook(
        lambda _, args: features.append(args[0])
    )
    try:
        scores: Tensor = network(x)
    finally:
        handle.remove()
    return scores, features[0].float()


@torch.no_grad()
def herd(features_NF: Tensor, count: int) -> Tensor:
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
        # Kept as a tensor: reading its value would wait for a GPU at each choice.
        best = gain_N.argmax(dim=0, keepdim=True)
        chosen.append(best)
        target_F = target_F - features_NF.index_select(0, best).squeeze(0)
        # Chosen once: its gain is -inf from now on.
        half_square_N = half_square_N.index_fill(0, best, float("inf"))
    return torch.cat(chosen)

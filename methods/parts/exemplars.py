"""Exemplars: stored examples that stand for their class, and the class's mean representation.

Shape legend: N examples, C outputs, F features: what the network gives its layer `head`.

Reference:
    Rebuffi et al. 2017, iCaRL, CVPR, algorithms 1 (means), 4 and 5 (exemplars).

Deviations:
    A class must not be met again.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook
from methods.parts.budget import Budget
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.herding import herded

Represent = Callable[[Tensor], Tensor]

# Images a pass.
BATCH = 1024


class ExemplarMemory(ClassBalancedMemory):
    """The same number of herded examples of every class met, chosen when a task ends.

    They lie class by class, each class's in the order herding chose them.

    Args:
        represent: returns the normalised representations [N, F] of images.
    """

    def __init__(self, budget: Budget, outlook: Outlook, represent: Represent) -> None:
        super().__init__(budget, outlook)
        self._represent = represent

    def means(self) -> Tensor:
        """Return the normalised mean representation [C, F] of each class; 0 where none is held."""
        examples = self[: self.filled]
        features_NF = self._represent(examples.x)
        member_NC = F.one_hot(examples.y, self.num_classes).to(features_NF.dtype)
        return F.normalize(member_NC.T @ features_NF)

    def ranked_held(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the rows as they lie: in the order they were chosen."""
        return rows

    def ranked_new(
        self, examples: Examples, rows: Tensor, count: int, generator: torch.Generator
    ) -> Tensor:
        """Return up to `count` rows in the order herding chooses them."""
        if count == 0 or len(rows) == 0:
            return rows[:0]
        features_NF = self._represent(examples.x[rows.to(examples.y.device)])
        return rows[herded(features_NF, count).cpu()]


def head_of(network: nn.Module) -> nn.Linear:
    """Return a network's output layer, whose input is taken as the representation.

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
    """Return normalised representations [N, F] of images, in the mode the network is in."""
    seen: list[Tensor] = []
    handle = head_of(network).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        for part in torch.split(x, BATCH):
            network(part)
    finally:
        handle.remove()
    return F.normalize(torch.cat(seen))

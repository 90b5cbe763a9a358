"""Warm-up: at the start of a task the weights and biases of new outputs learn, and nothing else.

Reference:
    Li and Hoiem 2016, Learning without forgetting, ECCV, section 3, the warm-up step of figure 3.

Deviations:
    For a number of epochs, not until it converges. Other layers are in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

WARM_UP = "warm-up"


class WarmUp:
    """The parameters that learn in a warm-up, and those that are put back after each step.

    Args:
        network: with an output layer of the name head.

    Attributes:
        new: the outputs that learn.
        active: whether the warm-up is on.

    Raises:
        ValueError: the network has no linear layer named head.
    """

    def __init__(self, network: nn.Module) -> None:
        head = getattr(network, "head", None)
        if not isinstance(head, nn.Linear):
            raise ValueError(
                f"{type(network).__name__} has no linear layer named head, of which new outputs "
                "could learn alone: name the output layer head, or leave out warm_up_epochs"
            )
        self._network = network
        own = (head.weight, head.bias)
        self._outputs = [p for p in own if p is not None and p.requires_grad]
        self._learning = [p for p in network.parameters() if p.requires_grad]
        self._start: list[Tensor] = []
        self.new: Sequence[int] = ()
        self.active = False

    def switch(self, active: bool) -> None:
        """Begin the warm-up, in which the output layer alone learns, or end it."""
        self.active = active
        for parameter in self._learning:
            parameter.requires_grad_(not active)
        for output in self._outputs:
            output.requires_grad_(True)
        self._start = [p.detach().clone() for p in self._outputs] if active else []

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Put the network into evaluation mode during the block, while the warm-up is on."""
        # Not by `methods.parts.evaluation_mode`: own code that calls that is keyed by the versions
        # of all built-ins that import it, and LwF's was raised before it did.
        modes = [(module, module.training) for module in self._network.modules()]
        if self.active:
            self._network.eval()
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode

    @torch.no_grad()
    def after_step(self) -> None:
        """Put outputs that are not new back to where they were, while the warm-up is on."""
        for parameter, start in zip(self._outputs, self._start, strict=False):
            learned = parameter[list(self.new)].clone()
            parameter.copy_(start)
            parameter[list(self.new)] = learned

"""MIR: experience replay of the stored examples whose loss the next step would raise most.

Each step draws candidates from the memory, tries the step that the batch alone would take, and
replays the candidates whose loss rises most:

    theta_v = theta - rate grad L(theta; B)
    rise(x, y) = loss(theta_v; x, y) - loss(theta; x, y)

The step then minimises the mean cross-entropy of the batch and the chosen candidates together.

State:
    memory.*: the stored examples, see `parts.memory`; they change during a task (reservoir, ring)
    or when it ends (class-balanced).

Reference:
    Aljundi et al. 2019, Online continual learning with maximally interfered retrieval, NeurIPS,
    section 3.1 and algorithm 1, ER-MIR with criterion MI-1.

Deviations:
    The rise is measured in evaluation mode, without augmentation, so that it leaves the statistics
    of batch normalisation alone. The step tried is one of gradient descent whatever the optimiser.
    As in `er`, every example of a step has the same weight, and the memory is offered each training
    example once, in the first epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, Replayed
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.ranges import require_count, require_positive
from methods.parts.rehearsal import Replay, ReplayConfig

# Candidates for each example that is replayed: 50 for 10 in the paper.
FACTOR = 5


class MIR(Replay):
    """Train on new examples and on the stored ones with which they interfere most."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ReplayConfig):
        """Hyperparameters of MIR.

        Attributes:
            candidates: stored examples drawn per step, of which those are replayed that the batch
                interferes with most; None: five times as many as are replayed.
            virtual_lr: rate of the step that is tried, above 0; None: the learning rate.
        """

        candidates: int | None = None
        virtual_lr: float | None = None

        def __post_init__(self) -> None:
            super().__post_init__()
            require_count("candidates", self.candidates)
            if self.virtual_lr is not None:
                require_positive("virtual_lr", self.virtual_lr)

        def num_drawn(self, batch_size: int) -> int:
            """Return the number of candidates, if there are as many."""
            return self.candidates or FACTOR * super().num_drawn(batch_size)

        def replay_from(self, stored: int, batch_size: int) -> Replayed:
            """Return those that are learned and, if there is a choice, twice the candidates."""
            drawn = min(self.num_drawn(batch_size), stored)
            learned = min(self.replay_batch_size or batch_size, drawn)
            return Replayed(learned, 2 * drawn if drawn > learned else 0)

    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._rows = torch.zeros(0, dtype=torch.int64)
        self._num_new = 0

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss of the batch; also draw the candidates."""
        self._num_new = len(batch)
        self._rows = self.draw(batch)
        return self.task_loss(batch)

    def draw(self, batch: Examples) -> Tensor:
        """Return random rows of the memory, the candidates."""
        count = self.config.candidates or FACTOR * self.num_replayed(len(batch))
        self._largest_draw = max(self._largest_draw, count)
        return self.memory.draw(count, self._generator, among=self.num_drawable)

    def num_replayed(self, num_new: int) -> int:
        """Return the number of candidates to replay with a batch, if there are as many."""
        return self.config.replay_batch_size or num_new

    def after_backward(self) -> None:
        """Add the gradient of the chosen candidates to that of the batch."""
        if not len(self._rows):
            return
        chosen = self.choose(self.memory[self._rows], self.num_replayed(self._num_new))
        share = self._num_new / (self._num_new + len(chosen))
        loss = self.task_loss(self.augment(chosen))
        pairs = gradients(self.network)
        more = torch.autograd.grad(loss, [p for p, _ in pairs], materialize_grads=True)
        for (_, gradient), other in zip(pairs, more, strict=True):
            gradient.mul_(share).add_(other, alpha=1 - share)

    def choose(self, candidates: Examples, count: int) -> Examples:
        """Return the `count` candidates whose loss the batch's step would raise most."""
        if len(candidates) <= count:
            return candidates
        rate = self.config.virtual_lr or self.learning_rate
        with torch.no_grad(), evaluation_mode(self.network):
            before = self.losses(candidates)
            with virtual_step(self.network, rate):
                rise = self.losses(candidates) - before
        # In the order drawn, so that the result depends on the choice, not on the ranking.
        return candidates[rise.topk(count).indices.sort().values]

    def losses(self, examples: Examples) -> Tensor:
        """Return the cross-entropy [B] of each example over the outputs that compete with it."""
        logits = self.mask_logits(self.network(examples.x).float(), examples.y)
        return F.cross_entropy(logits, examples.y, reduction="none")

    def step_kind(self) -> object:
        """Return the largest number of candidates that the next step can draw."""
        largest = self.config.candidates or self._largest_draw or self.num_drawable
        return min(self.num_drawable, largest)


def gradients(network: nn.Module) -> list[tuple[nn.Parameter, Tensor]]:
    """Return the parameters that have a gradient, each with it."""
    return [(p, p.grad) for p in network.parameters() if p.grad is not None]


@contextmanager
def virtual_step(network: nn.Module, rate: float) -> Iterator[None]:
    """Take a step of gradient descent with the gradients at hand; take it back after the block."""
    pairs = gradients(network)
    before = [p.detach().clone() for p, _ in pairs]
    with torch.no_grad():
        for parameter, gradient in pairs:
            parameter.add_(gradient, alpha=-rate)
        try:
            yield
        finally:
            for (parameter, _), value in zip(pairs, before, strict=True):
                parameter.copy_(value)

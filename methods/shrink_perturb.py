"""Shrink and perturb: before each new task the weights shrink towards 0, and noise is added.

A network that continues from weights trained on less data generalises worse than a fresh one.
Between the two, before each task but the first, for every parameter:

    theta <- shrink theta + noise e

e is standard normal, or (`law: initialisation`) drawn as the network's first weights were. With
shrink 1 and noise 0 it is `finetune`, bit for bit; shrink 0 and noise 1, by the law of the first
weights, start afresh.

State:
    Nothing besides the network.

Reference:
    Ash & Adams 2020, On warm-starting neural network training, NeurIPS, section 4: normal noise.
    In the authors' code it is that of a new network's weights.

Deviations:
    There each round trains on all data so far, here a task on its own examples.
    Statistics of batch normalisation are left as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from methods import base
from methods.base import Method, TaskView
from methods.parts.initialisation import fresh_state
from methods.parts.ranges import require_share, require_strength


class ShrinkPerturb(Method):
    """Shrink the weights and add noise before each task."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of shrink and perturb.

        Attributes:
            shrink: factor of the weights, in [0, 1].
            noise: factor of what is drawn, at least 0.
            law: what is drawn: standard normal numbers, or first weights of the network.
        """

        shrink: float = 0.5
        noise: float = 0.01
        law: Literal["normal", "initialisation"] = "normal"

        def __post_init__(self) -> None:
            require_share("shrink", self.shrink)
            require_strength("noise", self.noise)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"shrink", "noise", "law"})
    config: Config

    @torch.no_grad()
    def begin_task(self, task: TaskView) -> None:
        """Shrink and perturb the parameters, from the second task on."""
        if task.index == 1:
            return
        drawn = self.draw(task.stream("noise"))
        for name, parameter in self.network.named_parameters():
            noise = drawn[name].to(parameter.device)
            parameter.mul_(self.config.shrink).add_(noise, alpha=self.config.noise)

    def draw(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the noise to add to each parameter, before the factor."""
        if self.config.law == "initialisation":
            return fresh_state(self.network, generator)
        # On the CPU: a GPU draws other numbers from the same seed.
        return {
            name: torch.randn(parameter.shape, generator=generator)
            for name, parameter in self.network.named_parameters()
        }

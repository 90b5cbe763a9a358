"""The base of methods that adapt a transformer whose body does not learn.

The head learns, hidden layers that were drawn with it, and what the method adds. As in the papers,
the outputs of a task's own classes alone compete while it is learned.

Reference:
    See the methods.

Deviations:
    The body may learn during the first tasks (`body_tasks`), for a network that begins from drawn
    weights; with pretrained weights it need not. Dropout of the body is never applied.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from methods import base
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.drawn_layers import body_features, drawn_parameters, has_hidden_layers
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.ranges import require_strength
from methods.parts.tokens import find_tokens, tokens_objection

MAX_TOKENS = 1_000_000  # of prompts; 3 GB, 768 values each


@dataclass(frozen=True, kw_only=True)
class TokenAdapterConfig(base.Config):
    """Hyperparameters of a method with a frozen body.

    Attributes:
        body_tasks: number of tasks, from the first, in which the body learns too; what the network
            has frozen itself never does.
    """

    body_tasks: int = 0

    def __post_init__(self) -> None:
        require_strength("body_tasks", self.body_tasks)


def require_room(name: str, given: int, length: int) -> None:
    """Raise ValueError if so many prompts of a length have more tokens than fit into a memory."""
    most = MAX_TOKENS // max(length, 1)
    if given > most:
        raise ValueError(
            f"{name} must be at most {most:,} with length {length:,}, given {given:,}: "
            f"{given * max(length, 1):,} tokens of 768 values take "
            f"{given * max(length, 1) * 768 * 4 / 1e9:,.0f} GB"
        )


def own_outputs_only(logits_BC: Tensor, classes: tuple[int, ...]) -> Tensor:
    """Return logits that are -inf at all outputs but those of some classes."""
    # On the CPU: a list as the index would wait for a GPU.
    others_C = torch.ones(logits_BC.shape[1], dtype=torch.bool)
    others_C[list(classes)] = False
    others_C = others_C.to(logits_BC.device, non_blocking=True)
    return logits_BC.masked_fill(others_C, float("-inf"))


class TokenAdapter(Method):
    """A method that adapts a frozen transformer; a subclass defines `adapted_scores`.

    Attributes:
        tokens: of the network.
    """

    Config: ClassVar[type[base.Config]] = TokenAdapterConfig
    version: ClassVar[int] = 2
    needs_tokens: ClassVar[bool] = True
    config: Any

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the network has no tokens."""
        return super().objection(config, setting) or tokens_objection(setting)

    @classmethod
    def version_in(cls, setting: Setting) -> int:
        """Return 1 without hidden layers, which did not learn at first, else the version."""
        return cls.version if has_hidden_layers(setting) else 1

    def __init__(self, network: nn.Module, config: Any, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self.tokens = find_tokens(network)
        drawn = drawn_parameters(network)
        self._body = [p for p in network.parameters() if p.requires_grad and p not in drawn]
        self._classes: tuple[int, ...] = ()

    def begin_task(self, task: TaskView) -> None:
        """Freeze the body, or release it, and prepare what the method adds."""
        self._classes = task.classes
        for parameter in self._body:
            parameter.requires_grad_(task.index <= self.config.body_tasks)
        self.begin_adapting(task)

    def begin_adapting(self, task: TaskView) -> None:
        """Prepare what the method adds to the body, for a task."""

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss over the task's own outputs."""
        with evaluation_mode(self.network):
            return self.own_loss(batch, self.adapted_scores(batch.x))

    @final
    def own_loss(self, batch: Examples, logits_BC: Tensor) -> Tensor:
        """Return the task's loss over its own outputs."""
        return self.task_loss(batch, own_outputs_only(logits_BC.float(), self._classes))

    @abstractmethod
    def adapted_scores(self, x: Tensor) -> Tensor:
        """Return scores [B, C]."""

    def predict(self, x: Tensor, task: int | None) -> Tensor:
        """Return scores [B, C]."""
        return self.adapted_scores(x)

    @final
    @torch.no_grad()
    def query(self, x: Tensor) -> Tensor:
        """Return the features [B, D] of the body as it is: those of its class token."""
        return body_features(self.network, x)

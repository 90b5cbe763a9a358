"""L2P: prompts from a pool, chosen for each image by its features, beside the tokens of an image.

The body is frozen. q(x), the features of its class token, is compared with the key of each prompt
of the pool; the `top` prompts with the nearest keys are put beside the image's tokens, and the
outputs at the prompts, averaged, are what the head gets:

    L = CE(head(mean_i f(P_s1, ..., P_sN, x)_i), y) + pull sum_j (1 - cos(q(x), k_sj))

An image takes two passes: one for the query, one with the prompts.

State:
    keys: float32 [M, D]. prompts: float32 [M, L, D]. Both are drawn in the first task.

Reference:
    Wang et al. 2022, Learning to prompt for continual learning, CVPR, sections 4.1-4.3, eq. 2-5.

Deviations:
    Each image has its own prompts, as in the paper; the authors' code gives all images of a batch
    those that most of them chose. No diversification by how often a prompt was chosen, which is
    optional. The pool is shared by all tasks. Prompts have no position. Drawn from [0, 0.01), as in
    the authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView
from methods.parts.drawn_layers import score_features
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.ranges import require_strength
from methods.parts.token_adapter import TokenAdapter, TokenAdapterConfig, require_room
from methods.parts.tokens import prompted_features

SPREAD = 0.01


class L2P(TokenAdapter):
    """Put the prompts with the nearest keys beside an image's tokens."""

    @dataclass(frozen=True, kw_only=True)
    class Config(TokenAdapterConfig):
        """Hyperparameters of L2P.

        Attributes:
            pool: M, the number of prompts.
            top: N, how many of them an image gets, at most M.
            length: L, tokens of a prompt. Without prompts the head gets the class token.
            pull: weight of the distance of chosen keys from the query, at least 0.
        """

        pool: int = 10
        top: int = 5
        length: int = 5
        pull: float = 0.5

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("pool", "length", "pull"):
                require_strength(name, getattr(self, name))
            require_room("pool", self.pool, self.length)
            if not 0 <= self.top <= self.pool:
                raise ValueError(f"top must be in [0, pool] = [0, {self.pool}], given {self.top}")

    storage: ClassVar[dict[str, str]] = {"keys": "model", "prompts": "model"}
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        like, width = next(network.parameters()).detach(), self.tokens.width
        self.keys = nn.Parameter(like.new_zeros((config.pool, width)))
        self.prompts = nn.Parameter(like.new_zeros((config.pool, config.length, width)))

    def begin_adapting(self, task: TaskView) -> None:
        """Draw the pool, in the first task."""
        if task.index == 1:
            generator = task.stream("prompts")
            for values in (self.keys, self.prompts):
                values.data.copy_(SPREAD * torch.rand(values.shape, generator=generator))

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss and the weighted distance of chosen keys from the queries."""
        with evaluation_mode(self.network):
            logits_BC, distance = self.prompted_scores(batch.x)
        return self.own_loss(batch, logits_BC) + self.config.pull * distance

    def adapted_scores(self, x: Tensor) -> Tensor:
        """Return scores [B, C] with the chosen prompts."""
        return self.prompted_scores(x)[0]

    def prompted_scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores [B, C], and the distance [] of chosen keys, mean over the images."""
        if self.config.top * self.config.length == 0:
            return self.network(x), torch.zeros((), device=x.device)
        near_BN, chosen_BN = nearest_keys(self.query(x), self.keys, self.config.top)
        prompts_BPD = self.prompts[chosen_BN].flatten(1, 2)
        features = prompted_features(self.network, self.tokens, x, prompts_BPD)
        return score_features(self.network, features), (1 - near_BN).sum(dim=1).mean()


def nearest_keys(query_BD: Tensor, keys_MD: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """Return the largest cosines [B, top] of queries and keys, and the indices of these keys."""
    cosines_BM = F.linear(F.normalize(query_BD), F.normalize(keys_MD))
    values, indices = cosines_BM.topk(top, dim=1)
    return values, indices

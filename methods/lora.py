"""InfLoRA: low-rank changes of keys and values, within directions that earlier tasks do not use.

The body is frozen. In each block the weights W of keys and values get a branch for each task t,

    W_t = W_{t-1} + B_t A_t,    B_t = 0 at first

of which B_t [2D, r] alone learns, and during its task alone. The rows of A_t are, before its first
step, the first r left singular vectors of (I - M M^T) C, over sqrt(3): C = mean x x^T are the
inputs x of the block's attention for the new task, and the columns of M span the inputs of earlier
tasks. What B_t learns therefore leaves the scores of inputs in that span as they were. When a task
ends, M gets the fewest directions with which ||M M^T C||^2 is a share of ||C||^2.

State:
    branches.A/<block>: float32 [T, r, D]; branches.B/<block>: float32 [T, 2D, r], the keys' rows
    first. space.<block>.basis: float32 [D, K], M, as wide as the tasks so far need. They grow when
    a task ends.

Reference:
    Liang & Li 2024, InfLoRA: interference-free low-rank adaptation for continual learning, CVPR,
    section 3, with A and B named as is usual for LoRA (Hu et al. 2022, ICLR), the other way round
    in the paper; M: Saha et al. 2021, Gradient projection memory, ICLR.

Deviations:
    M is stored itself, also where its complement would be smaller (the paper's DualGPM): the
    directions are the same. At the first task too the share is reached, where the authors' code
    stops one direction before. The share rises by a constant with each task up to 1, so that the
    number of tasks need not be known. One head for all tasks, of which the rows of a task's classes
    learn. Directions without inputs are 0 in A.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from typing import Any, ClassVar, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.anchoring import ParameterRows, buffer_name
from methods.parts.attention import replace_attention
from methods.parts.drawn_layers import body_features
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.exemplars import BATCH
from methods.parts.growing_subspace import Subspace
from methods.parts.ranges import require_share, require_strength
from methods.parts.subspaces import extension_flops
from methods.parts.token_adapter import TokenAdapter, TokenAdapterConfig
from methods.parts.tokens import size_objection, size_of_built_in

DEFAULT_RANK = 10


class InfLoRA(TokenAdapter):
    """Add a low-rank branch to keys and values for each task."""

    @dataclass(frozen=True, kw_only=True)
    class Config(TokenAdapterConfig):
        """Hyperparameters of InfLoRA.

        Attributes:
            rank: r of a task's branch, at most the width of a token, D, which the default takes
                where it is less.
            share: of the squared inputs' covariance that is kept from change, in [0, 1].
            rise: what is added to the share with each task, at least 0.
        """

        rank: int = DEFAULT_RANK
        share: float = 0.95
        rise: float = 0.005

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("rank", "rise"):
                require_strength(name, getattr(self, name))
            require_share("share", self.share)

        def without_growth(self) -> Self | None:
            """Return a copy that protects no directions."""
            return replace(self, share=0.0, rise=0.0)

    storage: ClassVar[dict[str, str]] = {
        "branches": "columns",
        "learning": "columns",
        "space": "importance",
    }
    sized_by_learning: ClassVar[bool] = True
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the base's objection, or that the rank is above the width of a token."""
        width = size_of_built_in(setting, "width")
        return super().objection(config, setting) or rank_objection(config.rank, width)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        like, width = next(network.parameters()).detach(), self.tokens.width
        if reason := rank_objection(config.rank, width):
            raise ValueError(reason)
        self._attention = self.tokens.attention if config.rank else ()
        blocks = range(len(self._attention))
        rank = min(config.rank, width)
        shapes = {"A": (rank, width), "B": (2 * width, rank)}
        rows = {f"{part}.{b}": like.new_zeros(shapes[part]) for b in blocks for part in shapes}
        self.branches = ParameterRows(rows, outlook.num_learned)
        learned = outlook.num_learned > 0
        self.space = nn.ModuleList(Subspace(like, width, learned) for _ in blocks)
        self.learning = nn.ParameterList()
        self._directions: list[Tensor] = []
        self._unseen: Examples | None = None

    def begin_adapting(self, task: TaskView) -> None:
        """Begin a branch that changes nothing; the first step gives it its directions."""
        for block, _ in enumerate(self._attention):
            zeros = torch.zeros_like(self.branches.get_buffer(buffer_name(f"B.{block}"))[:0].sum(0))
            self.learning.append(nn.Parameter(zeros))
        self._directions = [
            zeros.new_zeros(zeros.shape[1], self.tokens.width) for zeros in self.learning
        ]
        self._unseen = task.examples if self._attention else None

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss; before the first step, choose the directions of the branch."""
        # In the first step, since the FLOPs of steps are counted and those of begin_task are not.
        if self._unseen is not None:
            examples, self._unseen = self._unseen, None
            rank = len(self._directions[0])
            self._directions = [
                space.directions_outside(covariance, rank) / sqrt(3)
                for space, covariance in self._spaces(examples)
            ]
        return super().loss(batch)

    def growth_flops(self) -> tuple[int, int, int]:
        """Return the FLOPs of choosing directions outside of the spaces, and of widening these."""
        bases = [*self.space.buffers()]
        rank = min(self.config.rank, self.tokens.width)
        # Two products with the covariance [D, D], and two with the r directions.
        first = sum(4 * basis.numel() * (len(basis) + rank) for basis in bases)
        return first, 0, sum(map(extension_flops, bases))

    def step_kind(self) -> object:
        """Return on how many examples directions are chosen, and outside of how many others."""
        if self._unseen is None:
            return None
        return len(self._unseen), tuple(buffer.shape[1] for buffer in self.space.buffers())

    def adapted_scores(self, x: Tensor) -> Tensor:
        """Return scores [B, C] with the branches of all learned tasks."""
        with replace_attention(self._attention, self._functions()):
            return self.network(x)  # type: ignore[no-any-return]

    def _functions(self) -> list[Any]:
        pairs = enumerate(self._attention)
        return [
            partial(attention, added=partial(self.addition, block)) for block, attention in pairs
        ]

    def addition(self, block: int, x: Tensor) -> Tensor:
        """Return the addition of a block's branches to queries (0), keys and values, [B, N, 3D]."""
        down, up = self.factors(block)
        return F.pad(F.linear(F.linear(x, down), up), (self.tokens.width, 0))

    def factors(self, block: int) -> tuple[Tensor, Tensor]:
        """Return the factors of all branches of a block together, [rT, D] and [2D, rT]."""
        stored = (self.branches.get_buffer(buffer_name(f"{part}.{block}")) for part in "AB")
        down, up = next(stored).flatten(0, 1), next(stored).transpose(0, 1).flatten(1)
        if not self.learning:
            return down, up
        return torch.cat((down, self._directions[block])), torch.cat((up, self.learning[block]), 1)

    @torch.no_grad()
    def covariances(self, x: Tensor) -> list[Tensor]:
        """Return mean x x^T [D, D] of the inputs x of each block's attention, over all tokens."""
        sums: list[Any] = [0.0] * len(self._attention)
        count = 0

        def note(block: int, function: Any, tokens: Tensor) -> Any:
            nonlocal count
            flat = tokens.flatten(0, 1)
            sums[block] = sums[block] + flat.T @ flat
            count += len(flat) if block == 0 else 0
            return function(tokens)

        functions = [partial(note, block, f) for block, f in enumerate(self._functions())]
        with evaluation_mode(self.network), replace_attention(self._attention, functions):
            for part in torch.split(x, BATCH):
                body_features(self.network, part)
        return [total / count for total in sums]

    def _spaces(self, examples: Examples) -> Iterator[tuple[Subspace, Tensor]]:
        """Yield the space of each block, and the covariance of its inputs for some examples."""
        return zip(cast("list[Subspace]", self.space), self.covariances(examples.x), strict=True)

    def end_task(self, task: TaskView) -> None:
        """Widen the space of past inputs, and store the branch."""
        if not self._attention:
            return
        share = min(1.0, self.config.share + self.config.rise * (task.index - 1))
        for space, covariance in self._spaces(task.examples):
            space.widen(covariance, share)
        self.branches.append(
            {
                f"{part}.{block}": value
                for part, values in (("A", self._directions), ("B", self.learning))
                for block, value in enumerate(values)
            }
        )
        self.learning, self._directions = nn.ParameterList(), []
        self._unseen = None


def rank_objection(rank: int, width: int | None) -> str | None:
    """Return an objection to a rank above the width, which the default takes where it is less."""
    if rank == DEFAULT_RANK:
        return None
    return size_objection("rank", rank, width, "the width of a token")

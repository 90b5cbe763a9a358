"""CODA-Prompt: prompts that are weighted sums of components, in front of keys and values.

The body is frozen. In each of the first blocks there are components P_m with a key k_m and an
attention a_m. With q(x) the features of the class token of the body without prompts,

    alpha_m = cos(q(x) * a_m, k_m),    p = sum_m alpha_m P_m

The first half of p is put in front of the keys of the block's tokens, the second in front of their
values. Each task adds components, and those of earlier tasks never change. The new ones are drawn
orthogonal to the others and held near it:

    L = CE + ortho sum_blocks sum_{B = K, A, P} mean_ij (B B^T - I)_ij^2

State:
    components.<part>/<block>: float32 [T, M, ...], the keys, attentions and prompts of T tasks, M
    each; added when a task ends.

Reference:
    Smith et al. 2023, CODA-Prompt: continual decomposed attention-based prompting, CVPR, sections
    4.1-4.3, eq. 3-8; prefixes of keys and values: Wang et al. 2022, DualPrompt, ECCV, eq. 4.

Deviations:
    The number of components is given for each task, so that the number of tasks need not be known.
    New components are orthogonal to the old ones by QR when a task begins, as in the authors' later
    code by Gram-Schmidt; beyond the width of a token they are unit vectors. The mean of squares, as
    in their code, replaces the norm of eq. 7. A prefix is added to projected keys and values, as in
    their code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.anchoring import ParameterRows, buffer_name
from methods.parts.attention import replace_attention
from methods.parts.ranges import require_strength
from methods.parts.token_adapter import TokenAdapter, TokenAdapterConfig, require_room
from methods.parts.tokens import size_objection, size_of_built_in

TENSORS = ("keys", "attention", "prompts")
DEFAULT_BLOCKS = 5


class CodaPrompt(TokenAdapter):
    """Put weighted sums of components in front of the keys and values of the first blocks."""

    @dataclass(frozen=True, kw_only=True)
    class Config(TokenAdapterConfig):
        """Hyperparameters of CODA-Prompt.

        Attributes:
            components: M, added by each task.
            length: of a prompt, half of it keys and half values; even.
            blocks: how many, from the first, have prompts; at most those of the network, of which
                the default takes all where they are fewer.
            ortho: weight of the orthogonality of components, at least 0.
        """

        components: int = 10
        length: int = 8
        blocks: int = DEFAULT_BLOCKS
        ortho: float = 0.1

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("components", "length", "blocks", "ortho"):
                require_strength(name, getattr(self, name))
            require_room("components", self.components, self.length)
            if self.length % 2:
                raise ValueError(f"length must be even, given {self.length}")

    storage: ClassVar[dict[str, str]] = {"components": "columns", "learning": "columns"}
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the base's objection, or that the network has fewer blocks."""
        depth = size_of_built_in(setting, "depth")
        return super().objection(config, setting) or blocks_objection(config.blocks, depth)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        like, width = next(network.parameters()).detach(), self.tokens.width
        if reason := blocks_objection(config.blocks, len(self.tokens.blocks)):
            raise ValueError(reason)
        self._attention = self.tokens.attention[: config.blocks]
        if config.components * config.length == 0:
            self._attention = ()
        shapes = {"keys": (width,), "attention": (width,), "prompts": (config.length, width)}
        rows = {
            f"{part}.{block}": like.new_zeros((config.components, *shapes[part]))
            for block in range(len(self._attention))
            for part in TENSORS
        }
        self.components = ParameterRows(rows, outlook.num_learned)
        self.learning = nn.ParameterDict()

    def begin_adapting(self, task: TaskView) -> None:
        """Draw the task's components, orthogonal to those of earlier tasks."""
        generator = task.stream("components")
        for name in self._names():
            stored = self.components.get_buffer(name)
            drawn = torch.randn(stored.shape[1:], generator=generator).to(stored.device)
            old, new = stored.flatten(0, 1).flatten(1), drawn.flatten(1)
            self.learning[name] = nn.Parameter(orthogonal_rows(old, new).view_as(drawn))

    def adapted_scores(self, x: Tensor) -> Tensor:
        """Return scores [B, C] with the prompts of all learned components."""
        if not self._attention:
            return self.network(x)  # type: ignore[no-any-return]
        query = self.query(x)
        functions = [
            partial(attention, front=self.prefix(query, block))
            for block, attention in enumerate(self._attention)
        ]
        with replace_attention(self._attention, functions):
            return self.network(x)  # type: ignore[no-any-return]

    def prefix(self, query_BD: Tensor, block: int) -> Tensor:
        """Return the keys and values that are in front of a block's own, [2, B, length / 2, D]."""
        keys, attention, prompts = (self.all_components(part, block) for part in TENSORS)
        prompt = component_weights(query_BD, attention, keys) @ prompts.flatten(1)
        return prompt.view(len(prompt), 2, -1, self.tokens.width).transpose(0, 1)

    def all_components(self, part: str, block: int) -> Tensor:
        """Return the components of a block, those of the task last: [all, ...]."""
        name = buffer_name(f"{part}.{block}")
        stored = self.components.get_buffer(name).flatten(0, 1)
        return torch.cat((stored, self.learning[name])) if name in self.learning else stored

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss and the weighted distance of components from orthonormal ones."""
        loss = super().loss(batch)
        for block, _ in enumerate(self._attention):
            for part in TENSORS:
                rows = self.all_components(part, block).flatten(1)
                loss = loss + self.config.ortho * orthogonality(rows)
        return loss

    def end_task(self, task: TaskView) -> None:
        """Store the task's components."""
        rows = {name.replace("/", "."): self.learning[name] for name in self._names()}
        self.components.append(rows)
        self.learning = nn.ParameterDict()

    def _names(self) -> Iterator[str]:
        return (name for name, _ in list(self.components.named_buffers()))


def blocks_objection(blocks: int, depth: int | None) -> str | None:
    """Return an objection to more blocks than there are, of which the default takes all."""
    if blocks == DEFAULT_BLOCKS:
        return None
    return size_objection("blocks", blocks, depth, "those of the network")


def component_weights(query_BD: Tensor, attention_MD: Tensor, keys_MD: Tensor) -> Tensor:
    """Return the cosines [B, M] of queries times attentions with keys."""
    products_BM = F.linear(query_BD, attention_MD * F.normalize(keys_MD))
    # The length of q * a_m without a tensor [B, M, D]; clamped where the root has no gradient.
    squares_BM = F.linear(query_BD.square(), attention_MD.square())
    return products_BM / squares_BM.clamp_min(1e-24).sqrt()


def orthogonality(rows_MD: Tensor) -> Tensor:
    """Return the mean square [] of B B^T - I, which is 0 for orthonormal rows."""
    gram_MM = rows_MD @ rows_MD.T
    return (gram_MM - torch.eye(len(gram_MM), device=gram_MM.device)).square().mean()


def orthogonal_rows(old_RD: Tensor, new_MD: Tensor) -> Tensor:
    """Return rows of length 1, orthogonal to each other and to the old ones while there is room.

    Rows beyond the number of dimensions keep their direction.
    """
    room = max(0, min(len(new_MD), new_MD.shape[1] - len(old_RD)))
    basis, _ = torch.linalg.qr(torch.cat((old_RD, new_MD[:room])).double().T)
    inside = basis.T[len(old_RD) : len(old_RD) + room].to(new_MD.dtype)
    return torch.cat((inside, F.normalize(new_MD[room:])))

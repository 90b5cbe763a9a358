"""The attention of a transformer's block, with keys and values or projections added to its own.

Shape legend: B images, N tokens, L keys in front of the others, D width of a token, H heads.

Reference:
    Vaswani et al. 2017, Attention is all you need, NeurIPS, eq. 1.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Added = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Attention:
    """The attention of a block.

    Attributes:
        owner, name: the module and its attribute that is called.
        joint: the layer of queries, keys and values.
        out: the layer that follows.
        heads: H.
    """

    owner: nn.Module
    name: str
    joint: nn.Module
    out: nn.Linear
    heads: int

    def __deepcopy__(self, memo: object) -> Attention:
        """Return the same: a copy of what a method keeps is of the same network."""
        return self

    def __call__(self, x: Tensor, added: Added | None = None, front: Any = None) -> Any:
        """Return softmax(Q K^T / sqrt(d)) V, projected, [B, N, D], as the block expects it.

        Args:
            x: the tokens, [B, N, D].
            added: returns what is added to their queries, keys and values, [B, N, 3D].
            front: keys and values in front of those of the tokens, [2, B, L, D].
        """
        joint: Any = self.joint
        library = isinstance(joint, nn.MultiheadAttention)
        joint = F.linear(x, joint.in_proj_weight, joint.in_proj_bias) if library else joint(x)
        if added is not None:
            joint = joint + added(x)
        queries, keys, values = joint.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if front is not None:
            more = front.unflatten(3, (self.heads, -1)).transpose(2, 3)
            keys, values = torch.cat((more[0], keys), dim=2), torch.cat((more[1], values), dim=2)
        weights = (queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(dim=-1)
        output = self.out((weights @ values).transpose(1, 2).flatten(2))
        return (output, None) if library else output


@contextmanager
def replace_attention(
    attention: Sequence[Attention], functions: Sequence[Callable[[Tensor], Any]]
) -> Iterator[None]:
    """Call functions of the tokens [B, N, D] in place of the attention of blocks."""

    def ignore_rest(function: Callable[[Tensor], Any]) -> Callable[..., Any]:
        return lambda x, *_args, **_options: function(x)

    for each, function in zip(attention, functions, strict=True):
        setattr(each.owner, each.name, ignore_rest(function))
    try:
        yield
    finally:
        for each in attention:
            delattr(each.owner, each.name)

"""Vision transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from orchestrator.networks.base import (
    Network,
    NetworkConfig,
    NetworkShape,
    image_objection,
    require_positive,
)

STD = 0.02


class ViTTiny(Network):
    """A plain vision transformer: patches as tokens, a class token, learned positions, no dropout.

    The features are those of the class token after the last normalisation. The defaults are the
    size called tiny, with patches of 4x4 pixels for small images.

    Reference:
        Dosovitskiy et al. (2021), An image is worth 16x16 words, ICLR, eq. 1-4; size: Touvron et
        al. (2021), Training data-efficient image transformers, ICML, table 1.
    Deviations:
        No dropout and no stochastic depth. Weights are drawn from N(0, 0.02^2) truncated at two
        units, as in the code of Touvron et al., biases are 0; those of the head and of the patches'
        convolution are drawn as PyTorch does.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config(NetworkConfig):
        """Sizes of the transformer.

        Attributes:
            patch: rows and columns of a patch, in pixels.
            width: of a token.
            depth: number of blocks.
            heads: of the attention; they divide the width.
            expansion: width of the hidden layer of a block, in widths of a token.
        """

        patch: int = 4
        width: int = 192
        depth: int = 12
        heads: int = 3
        expansion: int = 4

        def __post_init__(self) -> None:
            for name in ("patch", "width", "depth", "heads", "expansion"):
                require_positive(name, getattr(self, name))
            if self.width % self.heads:
                raise ValueError(
                    f"heads: {self.heads} must be a divisor of the width, {self.width}"
                )

    @classmethod
    def objection(cls, config: Any, shape: NetworkShape) -> str | None:
        """Return an objection if the input is no image or patches do not divide it, else None."""
        if objection := image_objection(shape):
            return objection
        _, height, width = shape.input_shape
        if height % config.patch == width % config.patch == 0:
            return None
        sizes = [p for p in range(1, min(height, width) + 1) if height % p == width % p == 0]
        return (
            f"patch: {config.patch} does not divide images of {height}x{width} pixels; valid: "
            f"{', '.join(map(str, sizes))}"
        )

    def __init__(self, config: Config, shape: NetworkShape) -> None:
        super().__init__(config, shape)
        reason = self.objection(config, shape)
        if reason is not None:
            raise ValueError(reason)
        self.body = _Transformer(config, shape.input_shape)
        self.head = self.create_head(config.width)


class _Transformer(nn.Module):
    def __init__(self, config: ViTTiny.Config, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        channels, height, width = input_shape
        tokens = (height // config.patch) * (width // config.patch) + 1
        self.patches = nn.Conv2d(channels, config.width, config.patch, stride=config.patch)
        self.class_token = nn.Parameter(torch.empty(config.width))
        self.positions = nn.Parameter(torch.empty(tokens, config.width))
        self.blocks = nn.Sequential(
            *(_Block(config.width, config.heads, config.expansion) for _ in range(config.depth))
        )
        self.norm = nn.LayerNorm(config.width)
        # Those of the blocks: the patches are a convolution, and the head is made later.
        linear = [layer for layer in self.modules() if isinstance(layer, nn.Linear)]
        for weight in (self.class_token, self.positions, *(layer.weight for layer in linear)):
            nn.init.trunc_normal_(weight, std=STD, a=-2 * STD, b=2 * STD)
        for layer in linear:
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x).flatten(2).mT
        first = self.class_token.expand(len(x), 1, -1)
        tokens = torch.cat((first, patches), dim=1) + self.positions
        # Normalised after the choice, since the other tokens are not used.
        return self.norm(self.blocks(tokens)[:, 0])  # type: ignore[no-any-return]


class _Block(nn.Module):
    """Attention between the tokens, then two layers on each token, both beside a shortcut."""

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, expansion * width),
            nn.GELU(),
            nn.Linear(expansion * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.layers(x)  # type: ignore[no-any-return]

    def attention(self, x: Tensor) -> Tensor:
        """Return softmax(Q K^T / sqrt(d)) V, projected; its matrix products are counted as such."""
        split = self.queries_keys_values(x).unflatten(2, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        weights = (queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(dim=-1)
        return self.projection((weights @ values).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

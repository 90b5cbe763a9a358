"""The tokens of a vision transformer: its blocks, their attention, and prompts among the tokens.

Known are our own transformers, and those of timm and torchvision that have a class token.

Shape legend: B images, P prompts, D width of a token.

Reference:
    Dosovitskiy et al. 2021, An image is worth 16x16 words, ICLR, eq. 1-4 and appendix A.

Deviations:
    None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import torch
from torch import Tensor, nn

from methods.base import Setting
from methods.parts.attention import Attention
from methods.parts.drawn_layers import body_features
from methods.parts.layers import attach_hooks

NEEDED = (
    "a transformer with a class token: vit_tiny, timm:vit_base_patch16_224 and its like, "
    "torchvision:vit_b_16 and its like, or pretrained with one of these as its backbone"
)
BUILT_IN = "vit_tiny"
NO_TOKENS = ("mlp", "cnn", "resnet18", "resnet32")


class TransformerPaths(NamedTuple):
    """Where a library has the parts of a transformer, as paths of attributes.

    The first three are of the transformer, the others of a block; `called` is what the block calls
    as its attention.
    """

    class_token: str
    blocks: str
    norm: str
    called: str
    joint: str
    out: str
    heads: str


OURS = TransformerPaths(
    class_token="class_token",
    blocks="blocks",
    norm="norm",
    called="attention",
    joint="queries_keys_values",
    out="projection",
    heads="heads",
)
TIMM = TransformerPaths(
    class_token="cls_token",
    blocks="blocks",
    norm="norm",
    called="attn.forward",
    joint="attn.qkv",
    out="attn.proj",
    heads="attn.num_heads",
)
TORCHVISION = TransformerPaths(
    class_token="class_token",
    blocks="encoder.layers",
    norm="encoder.ln",
    called="self_attention.forward",
    joint="self_attention",
    out="self_attention.out_proj",
    heads="self_attention.num_heads",
)


@dataclass(frozen=True, eq=False)
class Tokens:
    """The blocks of a transformer, their attention, and the normalisation after the last."""

    blocks: tuple[nn.Module, ...]
    attention: tuple[Attention, ...]
    norm: nn.Module

    @property
    def width(self) -> int:
        """D."""
        return self.attention[0].out.in_features

    def __deepcopy__(self, memo: object) -> Tokens:
        """Return the same: a copy of what a method keeps is of the same network."""
        return self


def tokens_objection(setting: Setting) -> str | None:
    """Return an objection if a network, by its name, takes no additional tokens, else None.

    Networks that are not built in are checked when they are built.
    """
    if setting.network in NO_TOKENS:
        return f"needs {NEEDED}; given {setting.network}, which has no tokens"
    train = getattr(setting.network_config, "train", None)
    if train in ("none", "head"):
        return (
            "puts prompts or branches into the body, whose features, computed once, have no "
            f"tokens: give train: adapters, not train: {train}"
        )
    return None


def size_of_built_in(setting: Setting, name: str) -> int | None:
    """Return the `width` or the `depth` of a built-in transformer, known before it is built.

    None: the network is another, whose size is known when it is built.
    """
    return getattr(setting.network_config, name, None) if setting.network == BUILT_IN else None


def size_objection(name: str, given: int, most: int | None, what: str) -> str | None:
    """Return an objection to a hyperparameter above a size of the network; None: it fits."""
    if most is None or given <= most:
        return None
    return f"{name} must be at most {most}, {what}, given {given}"


def find_tokens(network: nn.Module) -> Tokens:
    """Return the tokens of a network that is a transformer, or contains one.

    Raises:
        ValueError: there is none, or none with a class token and the usual attention.
    """
    # The frozen body of a pretrained network is none of its modules.
    modules = (*network.modules(), *getattr(network, "body", network).modules())
    tokens = next(_find_all(modules), None)
    if tokens is None or not callable(getattr(network, "features", None)):
        raise ValueError(f"{type(network).__name__} has no tokens; needed is {NEEDED}")
    return tokens


def has_tokens(body: nn.Module) -> bool:
    """Return whether a body is a transformer that `find_tokens` knows, or contains one."""
    return any(True for _ in _find_all(body.modules()))


def _find_all(modules: Iterable[nn.Module]) -> Iterator[Tokens]:
    candidates = (_tokens_of(m, form) for m in modules for form in (OURS, TIMM, TORCHVISION))
    return (tokens for tokens in candidates if tokens is not None)


def _tokens_of(module: nn.Module, form: TransformerPaths) -> Tokens | None:
    """Return the tokens of a module of a form, or None if it has another."""
    try:
        class_token, blocks, norm = (attrgetter(path)(module) for path in form[:3])
        attention = tuple(_attention_of(block, form) for block in blocks)
    except AttributeError:
        return None
    takes_class_token = getattr(module, "global_pool", "token") == "token"
    if class_token is None or not attention or not takes_class_token:
        return None
    usual = all(map(_is_usual, attention))
    return Tokens(tuple(blocks), attention, norm) if usual else None


def _attention_of(block: nn.Module, form: TransformerPaths) -> Attention:
    path, _, name = form.called.rpartition(".")
    joint, out, heads = (attrgetter(part)(block) for part in form[4:])
    return Attention(block.get_submodule(path), name, joint, out, heads)


def _is_usual(attention: Attention) -> bool:
    """Return whether an attention has no parameters but those of its two layers."""
    known = {*attention.joint.parameters(), *attention.out.parameters()}
    return attention.name != "forward" or known == set(attention.owner.parameters())


def prompted_features(network: nn.Module, tokens: Tokens, x: Tensor, prompts_BPD: Tensor) -> Tensor:
    """Return the mean [B, D] of the last outputs at prompts that are put beside the tokens.

    Prompts have no position, so that it does not matter at which end they are.
    """
    outputs: list[Tensor] = []

    def join(_block: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return torch.cat((inputs[0], prompts_BPD), dim=1), *inputs[1:]

    first, last = tokens.blocks[0], tokens.blocks[-1]
    handles = (
        first.register_forward_pre_hook(join),
        last.register_forward_hook(lambda _block, _inputs, output: outputs.append(output)),
    )
    with attach_hooks(handles):
        body_features(network, x)
    mean: Tensor = tokens.norm(outputs[0][:, -prompts_BPD.shape[1] :]).mean(dim=1)
    return mean

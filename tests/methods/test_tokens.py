"""Transformers of ours, of timm and of torchvision as tokens; what has none is refused."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
import torch
from alike import NEED_TOKENS, VIT
from torch import nn

from methods import METHODS
from methods.base import Outlook, Setting
from methods.parts.attention import replace_attention
from methods.parts.tokens import find_tokens, prompted_features
from methods.testing.blobs import SmallNetwork, stream
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import RepertoireError
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.vit import ViTTiny
from orchestrator.seeding import seed_global_generators
from orchestrator.sweep.sweep import Sweep

SHAPE = NetworkShape((1, 8, 8), 10, (0.5,), (0.25,))
X = torch.randint(0, 256, (3, 1, 8, 8), generator=stream(0, "x")).to(torch.uint8)


class Body(nn.Module):
    """A network around the transformer of a library, for images of 32 pixels."""

    def __init__(self, body: nn.Module, channels: int, width: int) -> None:
        super().__init__()
        self.body, self.channels = body, channels
        self.head = nn.Linear(width, 10)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x.float().repeat(1, self.channels, 4, 4) / 255)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


def ours() -> nn.Module:
    return ViTTiny(ViTTiny.Config(**VIT), SHAPE)


def timms() -> nn.Module:
    import_torchvision()
    timm = pytest.importorskip("timm")
    sizes = {"embed_dim": 12, "depth": 2, "num_heads": 3, "num_classes": 0}
    return Body(timm.create_model("vit_tiny_patch16_224", img_size=32, **sizes), 3, 12)


def torchvisions() -> nn.Module:
    transformer = import_torchvision().models.VisionTransformer
    body = transformer(32, 16, num_layers=2, num_heads=3, hidden_dim=12, mlp_dim=24)
    body.heads = nn.Identity()
    return Body(body, 3, 12)


@pytest.fixture(params=[ours, timms, torchvisions], ids=lambda make: make.__name__)
def network(request):
    with seed_global_generators(0):
        return request.param().eval()


@torch.no_grad()
def test_attention_is_the_same_by_hand_as_by_the_library_and_is_put_back(network):
    tokens, plain = find_tokens(network), network(X)
    assert len(tokens.blocks) == 2
    with replace_attention(tokens.attention, tokens.attention):
        torch.testing.assert_close(network(X), plain)
    with replace_attention(
        tokens.attention, [torch.zeros_like, lambda x: (torch.zeros_like(x), 0)]
    ):
        pass  # put back though never called
    assert torch.equal(network(X), plain)


@torch.no_grad()
def test_keys_and_values_in_front_are_attended_to_and_added_projections_change_the_scores(network):
    tokens = find_tokens(network)
    plain = network(X)
    front = torch.randn((2, len(X), 4, tokens.width), generator=stream(0, "front"))
    shifted = partial(tokens.attention[0], added=lambda x: 0.1 * torch.cat((x, x, x), dim=2))
    for changed in (partial(tokens.attention[0], front=front), shifted):
        with replace_attention(tokens.attention[:1], [changed]):
            assert not torch.allclose(network(X), plain)
    far = torch.cat((torch.zeros_like(front[:1]), 1e4 * front[1:]))
    with replace_attention(
        tokens.attention[:1], [partial(tokens.attention[0], front=far[:, :, :0])]
    ):
        torch.testing.assert_close(network(X), plain)


@torch.no_grad()
def test_the_order_of_prompts_does_not_matter_and_tokens_see_them(network):
    tokens = find_tokens(network)
    prompts = torch.randn((len(X), 5, tokens.width), generator=stream(0, "prompts"))
    features = prompted_features(network, tokens, X, prompts)
    assert features.shape == (len(X), tokens.width)
    turned = prompted_features(network, tokens, X, prompts.flip(1))
    torch.testing.assert_close(turned, features, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(prompted_features(network, tokens, X, 2 * prompts), features)


@pytest.mark.parametrize("name", sorted(NEED_TOKENS))
def test_each_method_predicts_with_the_transformers_of_libraries(name, network):
    method = METHODS[name](network, METHODS[name].Config(), Outlook(10, (1, 8, 8), 1))
    assert method.predict(X, None).shape == (3, 10)


def test_what_has_no_class_token_or_another_attention_has_no_tokens():
    with pytest.raises(ValueError, match=r"SmallNetwork has no tokens; needed is a transformer"):
        find_tokens(SmallNetwork(Outlook(4, (1, 4, 4))))
    import_torchvision()
    timm = pytest.importorskip("timm")
    sizes = {"img_size": 32, "embed_dim": 12, "depth": 1, "num_heads": 3, "num_classes": 0}
    for options in ({"class_token": False, "global_pool": "avg"}, {"qk_norm": True}):
        body = timm.create_model("vit_tiny_patch16_224", **sizes, **options)
        with pytest.raises(ValueError, match="Body has no tokens"):
            find_tokens(Body(body, 3, 12))


SWEEP = """\
name: refused
benchmark: {{name: split_digits, scenario: class, num_tasks: 5}}
network: {network}
methods: [{method}]
seeds: [0]
"""


@pytest.mark.parametrize("method", sorted(NEED_TOKENS))
def test_a_built_in_network_without_tokens_is_refused_with_those_that_have_some(tmp_path, method):
    path = tmp_path / "refused.yaml"
    path.write_text(SWEEP.format(network="{name: mlp, hidden: [8]}", method=method))
    with pytest.raises(RepertoireError) as caught:
        Sweep.load(path)
    message = str(caught.value)
    assert f"{method} needs a transformer with a class token: vit_tiny, timm:" in message
    assert "given mlp, which has no tokens" in message
    assert message.count("vit_tiny") == 1


def test_networks_of_a_library_are_built_to_see_whether_they_have_tokens(tmp_path):
    import_torchvision()
    pytest.importorskip("timm")
    x, y = np.zeros((8, 32, 32), dtype=np.uint8), np.arange(8) % 2
    x[:, 0, 0] = np.arange(8)
    np.savez(tmp_path / "data.npz", train_x=x, train_y=y)
    benchmark = "{name: split, data: {npz: data.npz}, scenario: class, num_tasks: 2}"
    path = tmp_path / "built.yaml"

    def load(network: str) -> Sweep:
        sweep = SWEEP.format(network=f"timm:{network}", method="lora")
        path.write_text(re.sub("benchmark: .*", f"benchmark: {benchmark}", sweep))
        return Sweep.load(path)

    assert load("test_vit").trials
    with pytest.raises(RepertoireError, match="lora cannot take timm:test_resnet: TimmNetwork has"):
        load("test_resnet")


def test_a_frozen_body_that_nothing_can_be_put_into_is_refused_with_the_option_to_set():
    class Config:
        train = "head"

    setting = Setting("class", 10, (1, 8, 8), "pretrained", 5, Config())
    for name in NEED_TOKENS:
        cls = METHODS[name]
        assert "give train: adapters, not train: head" in str(cls.objection(cls.Config(), setting))

"""Hidden layers between a pretrained transformer and its head: they learn as the head does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from alike import NEED_TOKENS, SMALL, VIT
from backbone_lab import INPUT, build, images, load
from safetensors.torch import save_file
from torch import nn

from methods import METHODS
from methods.base import Examples, Method, Outlook, Setting, TaskView
from methods.parts.drawn_layers import body_features, drawn_parameters, score_features
from methods.parts.tokens import prompted_features
from methods.slca import ALIGNMENT
from methods.testing.blobs import stream
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.mlp import MLP
from orchestrator.networks.networks import build_network
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.networks.vit import ViTTiny

LR, HIDDEN = 0.5, (5,)
SIZES = ", ".join(f"{name}: {value}" for name, value in VIT.items())
ON_TOKENS = sorted(NEED_TOKENS | {"slca"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of a small transformer."""
    folder = tmp_path_factory.mktemp("hidden")
    shape = NetworkShape((1, 8, 8), 10, (0.3,), (0.4,))
    body = build_network(ViTTiny, ViTTiny.Config(**VIT), shape, seed=1).body
    save_file(body.state_dict(), folder / "vit.safetensors")
    return folder


def network(folder: Path, train: str = "adapters", hidden: tuple[int, ...] = HIDDEN) -> Pretrained:
    text = (
        f"{{name: pretrained, backbone: {{name: vit_tiny, {SIZES}}}, weights: vit.safetensors, "
        f"train: {train}, input: {INPUT}, hidden: {list(hidden)}}}"
    )
    return build(load(folder, network=text))


def begin(name: str, built: Pretrained, **config: object) -> tuple[Method, Examples]:
    """Return a method in its first task, of two classes, and a batch of it."""
    cls, batch = METHODS[name], Examples(images(), torch.arange(8) % 2)
    method = cls(built, cls.Config(**SMALL.get(name, {}), **config), Outlook(10, (1, 8, 8)))
    view = TaskView(1, (0, 1), batch, None, lambda purpose: stream(0, purpose))
    method.train()
    method.configure_loss(None)
    method.begin_task(view)
    method.begin_phase(method.phases(view)[0], view)
    return method, batch


@pytest.mark.parametrize("train", ["adapters", "all"])
@pytest.mark.parametrize("name", ON_TOKENS)
def test_hidden_layers_take_the_whole_step_as_the_head_does(folder, name, train):
    method, batch = begin(name, network(folder, train))
    drawn = {n: p for n, p in method.network.named_parameters() if not n.startswith("body.")}
    assert {n.partition(".")[0] for n in drawn} == {"hidden", "head"}
    before = {n: p.detach().clone() for n, p in method.network.named_parameters()}
    method.loss(batch).backward()
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=LR)
    optimizer.step()
    method.after_step(batch)
    for n, p in drawn.items():
        assert p.grad.abs().sum() > 0
        assert torch.equal(p, before[n] - LR * p.grad)
    # Of the body the adapters leave every bit, and a slow one takes a hundredth of the step.
    for n, p in method.network.named_parameters():
        if n.startswith("body.") and name in NEED_TOKENS:
            assert torch.equal(p, before[n])
        elif n.startswith("body."):
            torch.testing.assert_close(p, before[n] - 0.01 * LR * p.grad)


@torch.no_grad()
def test_prompts_are_chosen_by_the_body_and_go_through_the_hidden_layers_to_the_head(folder):
    built, plain = network(folder), network(folder, hidden=())
    method, batch = begin("l2p", built, pool=2, top=2, length=1)
    assert torch.equal(method.query(batch.x), plain.features(batch.x))
    # All prompts are chosen: their order, which differs by image, does not matter.
    prompts = method.prompts.flatten(0, 1).expand(len(batch.x), -1, -1)
    plain_method, _ = begin("l2p", plain)
    features = prompted_features(plain, plain_method.tokens, batch.x, prompts)
    expected = built.head(built.hidden(features))
    torch.testing.assert_close(method.predict(batch.x, None), expected)


def test_the_alignment_of_slca_trains_the_head_alone(folder):
    method, batch = begin("slca", network(folder, "all"))
    method.owners[:2] = 1
    view = TaskView(2, (2, 3), batch, None, lambda purpose: stream(0, purpose))
    phase = method.phases(view)[1]
    assert phase.name == ALIGNMENT
    method.begin_phase(phase, view)
    learning = {n for n, p in method.network.named_parameters() if p.requires_grad}
    assert learning == {"head.weight", "head.bias"}


def test_attributes_of_another_network_mean_nothing():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.body_features, self.hidden, self.head = 64, nn.Linear(4, 4), nn.Linear(4, 2)

        def features(self, x):
            return x + 1

    other, x = Other(), torch.ones(3, 4)
    assert drawn_parameters(other) == {*other.head.parameters()}
    assert torch.equal(body_features(other, x), x + 1)
    assert torch.equal(score_features(other, x), other.head(x))


@pytest.mark.parametrize("name", ON_TOKENS)
def test_the_version_is_that_of_before_without_hidden_layers(name):
    def version(network: str, config: object) -> int:
        return METHODS[name].version_in(Setting("class", 10, (1, 8, 8), network, 2, config))

    versions = [version("pretrained", Pretrained.Config(hidden=hidden)) for hidden in ((), HIDDEN)]
    assert [*versions, version("mlp", MLP.Config()), METHODS[name].version] == [1, 2, 1, 2]

"""Continual backpropagation: utilities by hand, which units are replaced, what outputs lose."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.base import Config, Examples, Outlook, Setting
from methods.continual_backprop import (
    ContinualBackprop,
    contributions,
    inputs_of,
    select_least_useful,
)
from methods.finetune import Finetune
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots


class Tiny(nn.Module):
    """Two inputs, two hidden units and one output."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(2, 2), nn.Linear(2, 1)

    def forward(self, x):
        return self.head(self.body(x).relu())


def tiny(**config):
    """A method on a network whose hidden units are max(x1, 0) and max(x2 - x1, 0)."""
    network = Tiny()
    with torch.no_grad():
        network.body.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 1.0]]))
        network.head.weight.copy_(torch.tensor([[-2.0, 3.0]]))
        for bias in (network.body.bias, network.head.bias):
            bias.zero_()
    method = ContinualBackprop(network, ContinualBackprop.Config(**config), Outlook(1, (2,)))
    method._generator = stream(0, "replacement")
    return method


# Units: (1, 0) and (2, 3), means 1.5 and 1.5.
X = torch.tensor([[1.0, 1.0], [2.0, 5.0]])
BATCH = Examples(X, torch.tensor([0, 0]))


def step(method, times=1):
    """Notice the units of a batch, and process a step that has changed nothing."""
    for _ in range(times):
        method.loss(BATCH)
        method.after_step(BATCH)


def test_utilities_are_running_means_of_output_times_weights_as_worked_by_hand():
    method = tiny(decay=0.9)
    step(method)
    torch.testing.assert_close(method.utility, 0.1 * torch.tensor([1.5 * 2, 1.5 * 3]))
    step(method)
    torch.testing.assert_close(method.utility, 0.19 * torch.tensor([3.0, 4.5]))
    assert method.age.tolist() == [2, 2]


def test_a_channel_is_worth_what_its_positions_are_worth():
    """Two channels of four positions flattened for three units; every weight 1 but one."""
    layer = nn.Linear(8, 3)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.weight[0, 5] = -11.0
    assert contributions(layer, torch.ones(8), 2).tolist() == [4 * 3, 4 * 3 + 10]
    convolution = nn.Conv2d(2, 3, 2)
    with torch.no_grad():
        convolution.weight.fill_(-0.5)
    assert contributions(convolution, torch.tensor([1.0, 2.0]), 2).tolist() == [6.0, 12.0]


def test_a_unit_s_outgoing_weights_are_those_of_all_its_positions():
    assert inputs_of(torch.tensor([0, 2]), 3).tolist() == [0, 1, 2, 6, 7, 8]
    assert inputs_of(torch.tensor([1, 4]), 1).tolist() == [1, 4]


def test_only_the_least_useful_mature_units_are_chosen():
    utility = torch.tensor([0.1, 5.0, 0.2, 0.3, 4.0])
    mature = torch.tensor([False, True, True, False, True])
    assert select_least_useful(utility, mature, 2).tolist() == [2, 4]


def test_a_unit_is_replaced_when_a_whole_one_is_due_and_mature():
    """Two mature units at a rate of .3 are .6 of one a step: the second step replaces one."""
    method = tiny(replacement_rate=0.3, maturity=2)
    step(method, 3)
    before = {n: p.detach().clone() for n, p in method.network.named_parameters()}
    assert method.pending.tolist() == pytest.approx([0.6])
    step(method)
    assert method.pending.tolist() == pytest.approx([0.2])
    assert method.age.tolist() == [0, 4]  # the first is the less useful one
    assert method.utility[0] == 0 < method.utility[1]
    after = dict(method.network.named_parameters())
    assert not torch.equal(after["body.weight"][0], before["body.weight"][0])
    assert torch.equal(after["body.weight"][1], before["body.weight"][1])
    assert after["head.weight"].tolist() == [[0.0, 3.0]]
    assert after["head.bias"] == before["head.bias"]
    step(method, 2)  # one of them is too young to be counted
    assert method.pending.tolist() == pytest.approx([0.8])


def test_outputs_lose_the_contribution_of_the_unit_and_no_more():
    method = tiny(replacement_rate=0.5, maturity=0)
    with torch.no_grad():
        before = method.network(X)
        removed = method.network.body(X).relu()[:, :1] * method.network.head.weight[:, 0]
    step(method)
    with torch.no_grad():
        torch.testing.assert_close(method.network(X), before - removed)
    assert removed.abs().sum() > 1


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_without_replacement_it_is_fine_tuning_bit_for_bit(scenario):
    plain = snapshots(Blobs(Finetune, Config(), scenario))
    still = snapshots(
        Blobs(ContinualBackprop, ContinualBackprop.Config(replacement_rate=0), scenario)
    )
    for one, other in zip(plain, still, strict=True):
        assert all(torch.equal(tensor, other.state[name]) for name, tensor in one.state.items())


def test_the_batch_normalisation_of_a_unit_begins_anew_with_it():
    config = ContinualBackprop.Config(replacement_rate=1 / 12, maturity=0)
    blobs = Blobs(ContinualBackprop, config, "class", batch_norm=True)
    method, view = blobs.create_method(), blobs.view(1)
    with torch.no_grad():
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(method.network.norm, name).fill_(7.0)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    method.loss(view.examples)
    method.after_step(view.examples)
    (row,) = (method.age == 0).nonzero().flatten().tolist()
    norm = method.network.norm
    new = [getattr(norm, n)[row].item() for n in ("weight", "bias", "running_mean", "running_var")]
    assert new == [1.0, 0.0, 0.0, 1.0]
    assert (norm.weight == 7).sum() == 11
    assert (method.network.head.weight[:, row] == 0).all()


def test_a_network_whose_units_cannot_be_told_is_refused():
    setting = Setting("class", 10, (3, 32, 32), "resnet18", 5)
    story = ContinualBackprop.objection(ContinualBackprop.Config(), setting)
    assert "needs a chain of layers" in story

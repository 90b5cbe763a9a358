"""The quadratic penalty: its value, its gradient, and what it holds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.base import Outlook
from methods.parts.anchoring import ParameterRows, add_pull, penalised_parameters, quadratic
from methods.testing.blobs import IMAGE, SmallNetwork, small_network
from orchestrator.seeding import stream

ANCHOR = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3.0]])}
IMPORTANCE = {"a": torch.tensor([2.0, 0.0]), "b": torch.tensor([[0.5]])}


def parameters():
    return {
        "a": nn.Parameter(torch.tensor([3.0, 7.0])),
        "b": nn.Parameter(torch.tensor([[1.0]])),
    }


def network():
    return small_network(Outlook(6, IMAGE), False, stream(0, "network"))


def test_the_penalty_by_hand():
    # 2 (3 - 1)^2 + 0 (7 - 2)^2 + 0.5 (1 - 3)^2 and 2^2 + 5^2 + 2^2.
    assert quadratic(parameters(), ANCHOR, IMPORTANCE).item() == 10
    assert quadratic(parameters(), ANCHOR).item() == 33


def test_the_pull_is_the_gradient_of_strength_times_the_penalty():
    pulled, differentiated = parameters(), parameters()
    noted = {name: torch.full_like(p, 0.25) for name, p in pulled.items()}
    for name, p in pulled.items():
        p.grad = noted[name]
    add_pull(pulled, ANCHOR, IMPORTANCE, 3.0)
    (3.0 * quadratic(differentiated, ANCHOR, IMPORTANCE)).backward()
    for name, p in differentiated.items():
        assert torch.allclose(pulled[name].grad, 0.25 + p.grad)
        assert torch.equal(noted[name], torch.full_like(p, 0.25)), "the noted one was written to"


def test_a_parameter_without_a_gradient_is_not_pulled():
    unused = parameters()
    add_pull(unused, ANCHOR, IMPORTANCE, 3.0)
    assert all(p.grad is None for p in unused.values())


def test_the_head_is_held_if_asked_for_and_frozen_parameters_never():
    net = network()
    net.body.bias.requires_grad_(False)
    assert list(penalised_parameters(net, penalise_head=False)) == ["body.weight"]
    assert list(penalised_parameters(net, True)) == ["body.weight", "head.weight", "head.bias"]
    headless = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"Sequential has no layer named head.*penalise_head"):
        penalised_parameters(headless, penalise_head=False)


def test_replacing_rows_leaves_one_and_copies_it():
    values = dict(SmallNetwork(Outlook(6, IMAGE)).named_parameters())
    rows = ParameterRows(values, 3)
    rows.replace(values)
    assert rows.rows == 1
    before = rows[0]["body.weight"].clone()
    with torch.no_grad():
        values["body.weight"].add_(1)
    assert torch.equal(rows[0]["body.weight"], before)

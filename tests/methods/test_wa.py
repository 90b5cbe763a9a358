"""WA: the norms of new classes' weights, their sign, and what is distilled."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from methods.base import Examples, Setting
from methods.parts.heads import align_weights
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots
from methods.wa import WA
from orchestrator.networks.mlp import MLP
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task


def wa(**config: object) -> Blobs:
    return Blobs(WA, WA.Config(memory_size=20, **config), "class")


def in_second_task(blobs: Blobs) -> WA:
    """Return the method when its second task has begun, with weights moved since."""
    (first,) = islice(snapshots(blobs), 1)
    method = blobs.restore(first.state, num_learned=1)
    method.train()
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(blobs.view(2))
    with torch.no_grad():
        for p in method.network.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=stream(0, "move")))
    return method


def test_weights_are_aligned_as_worked_by_hand():
    """The old norms are 5 and 1, their mean 3; the new ones 10 and 2, their mean 6: halve them."""
    head = nn.Linear(2, 5)
    rows = [[3.0, 4.0], [0.0, 1.0], [6.0, 8.0], [2.0, 0.0], [9.0, 9.0]]
    with torch.no_grad():
        head.weight.copy_(torch.tensor(rows))
    bias = head.bias.detach().clone()
    align_weights(head, old=[0, 1], new=[2, 3])
    expected = [[3.0, 4.0], [0.0, 1.0], [3.0, 4.0], [1.0, 0.0], [9.0, 9.0]]
    assert head.weight.tolist() == expected
    assert torch.equal(head.bias, bias)


@pytest.mark.parametrize("positive", [True, False])
def test_after_each_task_new_classes_have_the_mean_norm_of_old_ones(positive):
    for after, learned in enumerate(snapshots(wa(positive_weights=positive)), 1):
        weight = learned.state["network.head.weight"]
        norms = weight.norm(dim=1)
        if after > 1:
            old, new = norms[: 2 * after - 2].mean(), norms[2 * after - 2 : 2 * after].mean()
            torch.testing.assert_close(new, old)
        assert bool((weight >= 0).all()) == positive


def test_the_first_task_is_a_plain_one_whose_weights_are_left_alone():
    blobs = wa(positive_weights=False)
    method, view = blobs.create_method(), blobs.view(1)
    train_task(method, view, Training(batch_size=16), FlopMeter())
    before = method.network.head.weight.detach().clone()
    method.configure_loss(view.allowed)
    assert torch.equal(method.loss(view.examples), method.task_loss(view.examples))
    method.end_task(view)
    assert torch.equal(method.network.head.weight, before)


def test_the_loss_weighs_labels_and_old_answers_by_the_classes_of_each():
    """Four classes seen, two of them old: a half each; old answers at temperature 2."""
    blobs = wa(positive_weights=False)
    method = in_second_task(blobs)
    old = blobs.restore(next(snapshots(blobs)).state, num_learned=1).network
    x = torch.cat((blobs.examples(2).x[:5], blobs.examples(1).x[:3]))
    batch = Examples(x, torch.tensor([2] * 5 + [0] * 3))
    logits = method.network(x)[:, :4]
    answers = (old(x)[:, :2] / 2).softmax(dim=1)
    kept = F.kl_div((logits[:, :2] / 2).log_softmax(dim=1), answers, reduction="batchmean")
    expected = (F.cross_entropy(logits, batch.y) + kept) / 2
    torch.testing.assert_close(method.loss(batch), expected)


def test_clipping_is_after_the_step_and_of_the_output_layer_alone():
    method = in_second_task(wa())
    before = {n: p.detach().clone() for n, p in method.network.named_parameters()}
    method.after_step(Examples(torch.zeros(0), torch.zeros(0)))
    assert (before["head.weight"] < 0).any()
    for name, parameter in method.network.named_parameters():
        clip = name == "head.weight"
        assert torch.equal(parameter, before[name].clamp(min=0) if clip else before[name])


def test_the_teacher_is_not_carried_and_storage_is_the_exemplars():
    *_, last = snapshots(wa())
    assert {name.split(".")[0] for name in last.state} == {"network", "memory"}
    assert len(last.state["memory.y"]) == 20


def test_a_cosine_head_is_refused():
    setting = Setting("class", 10, (1, 8, 8), "mlp", 5, MLP.Config(hidden=(8,), head="cosine"))
    assert "a cosine head ignores" in str(WA.objection(WA.Config(), setting))
    assert "task scenario" in str(WA.objection(WA.Config(), Setting("task", 10, (1, 8, 8), "mlp")))

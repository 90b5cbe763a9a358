"""L2P: which prompts are chosen, the pull of their keys, and what learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from methods.finetune import Finetune
from methods.l2p import L2P, nearest_keys
from methods.parts.token_adapter import own_outputs_only
from methods.parts.tokens import find_tokens, prompted_features
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.inference import prediction_costs
from orchestrator.stages.learning.learner import Training, train_task

TINY = {"pool": 4, "top": 2, "length": 3}


def l2p(**config: object) -> Blobs:
    return Blobs(L2P, L2P.Config(**{**TINY, **config}), "class", epochs=1)


def in_a_task(blobs: Blobs, index: int = 1) -> L2P:
    method = blobs.create_method()
    method.train()
    method.configure_loss(blobs.allowed_outputs(index))
    method.begin_task(blobs.view(index))
    return method


def test_the_nearest_keys_are_those_of_the_largest_cosines():
    """Cosines of (1, 0) with the keys are 0, 1, 0.6 and -1; their lengths do not matter."""
    keys = torch.tensor([[0.0, 9.0], [0.1, 0.0], [3.0, 4.0], [-5.0, 0.0]])
    near, chosen = nearest_keys(torch.tensor([[2.0, 0.0], [0.0, -3.0]]), keys, top=2)
    assert chosen[0].tolist() == [1, 2]
    torch.testing.assert_close(near[0], torch.tensor([1.0, 0.6]))
    assert sorted(chosen[1].tolist()) == [1, 3]  # both orthogonal; the others point away


def test_the_loss_is_that_of_the_averaged_prompts_and_the_distances_of_their_keys():
    blobs = l2p(pull=0.7)
    method = in_a_task(blobs)
    batch = blobs.examples(1)[:5]
    network = method.network
    with torch.no_grad():
        query = network.features(batch.x)
        cosines = F.cosine_similarity(query[:, None], method.keys[None], dim=2)
        chosen = cosines.argsort(dim=1, descending=True)[:, :2]
        prompts = torch.stack([torch.cat(list(method.prompts[row])) for row in chosen])
        features = prompted_features(network, find_tokens(network), batch.x, prompts)
        loss = F.cross_entropy(network.head(features)[:, :2], batch.y)  # the first task's classes
        pull = (1 - cosines.gather(1, chosen)).sum(dim=1).mean()
    torch.testing.assert_close(method.loss(batch).detach(), loss + 0.7 * pull)


def test_of_the_pool_only_what_was_chosen_and_of_the_network_only_the_head_has_gradients():
    blobs = l2p(top=1)
    method = in_a_task(blobs)
    batch = blobs.examples(1)[:1]
    (chosen,) = nearest_keys(method.query(batch.x), method.keys, 1)[1].flatten().tolist()
    method.loss(batch).backward()
    have = {name for name, p in method.named_parameters() if p.grad is not None}
    assert have == {"keys", "prompts", "network.head.weight", "network.head.bias"}
    for values in (method.keys, method.prompts):
        rows = values.grad.flatten(1).abs().sum(dim=1).nonzero().flatten().tolist()
        assert rows == [chosen]
    assert method.network.head.weight.grad[2:].abs().sum() == 0  # outputs of other tasks


@pytest.mark.parametrize("none", [{"pool": 0, "top": 0}, {"top": 0}, {"length": 0}])
def test_without_prompts_it_is_a_frozen_body_with_a_head(none):
    class FrozenFinetune(Finetune):
        needs_tokens = True

        def begin_task(self, task):
            self.classes = task.classes
            self.network.body.requires_grad_(False)

        def loss(self, batch):
            return self.task_loss(batch, own_outputs_only(self.network(batch.x), self.classes))

    blobs = l2p(**none)
    plain = replace(blobs, method_class=FrozenFinetune, config=Finetune.Config())
    for one, other in zip(snapshots(blobs), snapshots(plain), strict=True):
        assert all(torch.equal(one.state[name], value) for name, value in other.state.items())


def test_the_body_learns_in_the_first_tasks_alone_if_it_shall():
    blobs = l2p(body_tasks=1)
    fresh = blobs.create_method().state_dict()
    first, second, _ = (snapshot.state for snapshot in snapshots(blobs))
    body = [name for name in fresh if name.startswith("network.body.")]
    assert not any(torch.equal(first[name], fresh[name]) for name in body)
    assert all(torch.equal(first[name], second[name]) for name in body)
    (frozen,) = islice(snapshots(l2p()), 1)
    assert all(torch.equal(frozen.state[name], fresh[name]) for name in body)


def test_storage_is_the_pool_and_a_prediction_takes_two_passes():
    """Width 8; 4 keys, 4 prompts of 3 tokens. With prompts a token more costs each block alike."""
    blobs = l2p()
    method = in_a_task(blobs).eval()
    carried = {name: t.numel() for name, t in method.state_dict().items() if "network" not in name}
    assert carried == {"keys": 4 * 8, "prompts": 4 * 3 * 8}
    x = blobs.examples(1).x[:1]
    network, state = method.network, method.state_dict()
    whole, _ = prediction_costs(lambda: method.predict(x, None), state)
    patches = 2 * 4 * 4 * 8  # four patches of 2x2 pixels

    def blocks(tokens: int) -> int:
        """A block: queries, keys, values, projection; two products of attention; two layers."""
        return 2 * (2 * tokens * 8 * (3 * 8 + 8 + 2 * 16) + 2 * 2 * tokens * tokens * 8)

    head = 2 * 8 * blobs.num_classes
    one, _ = prediction_costs(lambda: network(x), state)
    assert one == patches + blocks(5) + head
    keys = 2 * 8 * 4
    assert whole == (patches + blocks(5)) + keys + (patches + blocks(5 + 2 * 3)) + head


def test_a_training_step_has_no_gradients_of_frozen_weights():
    """Of the three products of a layer forward and back, that of its weights' gradient is left."""
    blobs, counts = l2p(), []
    for body_tasks in (0, 1):
        method = replace(blobs, config=replace(blobs.config, body_tasks=body_tasks)).create_method()
        meter = FlopMeter()
        train_task(method, blobs.view(1), Training(batch_size=48), meter)
        counts.append(meter.total)
    tokens, products = 48 * (5 + 2 * 3), 3 * 8 + 8 + 2 * 16
    patches = 2 * 48 * 4 * 4 * 8
    assert counts[1] - counts[0] == 2 * (2 * tokens * 8 * products) + patches


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pool": 3, "top": 4}, r"top must be in \[0, pool\] = \[0, 3\], given 4"),
        ({"length": -1}, "length must be at least 0"),
        ({"pool": 10**9}, "at most 200,000 with length 5, given 1,000,000,000: .* take 15,360 GB"),
        ({"body_tasks": -1}, "body_tasks must be at least 0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        L2P.Config(**wrong)

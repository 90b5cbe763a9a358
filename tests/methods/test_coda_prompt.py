"""CODA-Prompt: weights of components, their orthogonality, and what stays as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from methods.coda_prompt import CodaPrompt, component_weights, orthogonal_rows, orthogonality
from methods.l2p import L2P
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots
from methods.views import Setting
from orchestrator.networks.vit import ViTTiny
from orchestrator.stages.inference import prediction_costs

TINY = {"components": 2, "length": 4}


def coda(**config: object) -> Blobs:
    return Blobs(CodaPrompt, CodaPrompt.Config(**{**TINY, **config}), "class", epochs=1)


def in_second_task(blobs: Blobs) -> CodaPrompt:
    (first,) = islice(snapshots(blobs), 1)
    method = blobs.restore(first.state, num_learned=1)
    method.train()
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(blobs.view(2))
    return method


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=stream(0, str(shape)))


def test_weights_are_cosines_of_attended_queries_with_keys():
    """(1, 2) * (3, 0) = (3, 0) is along the key (5, 0); (1, 2) * (2, 1) = (2, 2) is at 45 deg."""
    attention = torch.tensor([[3.0, 0.0], [2.0, 1.0], [0.0, 0.0]])
    keys = torch.tensor([[5.0, 0.0], [0.0, -1.0], [1.0, 1.0]])
    weights = component_weights(torch.tensor([[1.0, 2.0]]), attention, keys)
    torch.testing.assert_close(weights, torch.tensor([[1.0, -(0.5**0.5), 0.0]]))
    query, attention, keys = draw(5, 6), draw(3, 6), draw(3, 6)
    plain = F.cosine_similarity(query[:, None] * attention, keys.expand(5, 3, 6), dim=2)
    torch.testing.assert_close(component_weights(query, attention, keys), plain)


def test_a_component_that_attends_to_nothing_has_finite_gradients():
    attention = torch.zeros((1, 3), requires_grad=True)
    component_weights(draw(2, 3), attention, draw(1, 3)).sum().backward()
    assert attention.grad.isfinite().all()


def test_orthonormal_rows_cost_nothing_and_others_the_mean_square_of_the_gram_matrix():
    assert orthogonality(torch.eye(4)[:2]) == 0
    rows = torch.tensor([[2.0, 0.0], [1.0, 1.0]])  # B B^T - I = [[3, 2], [2, 1]]
    assert orthogonality(rows) == (9 + 4 + 4 + 1) / 4


@pytest.mark.parametrize(("old", "new", "inside"), [(0, 3, 3), (2, 3, 3), (4, 3, 1), (6, 2, 0)])
def test_new_rows_are_orthonormal_and_outside_of_the_old_while_there_is_room(old, new, inside):
    before, rows = draw(old, 5), orthogonal_rows(draw(old, 5), draw(new, 5))
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(new))
    own = rows[:inside]
    torch.testing.assert_close(own @ own.T, torch.eye(inside), atol=1e-6, rtol=0)
    assert (own @ before.T).abs().max() < 1e-6 if old and inside else True


def test_the_prompt_of_a_block_is_the_weighted_sum_half_keys_half_values():
    method = in_second_task(coda())
    query, stored = method.query(coda().examples(2).x[:3]), method.components
    keys, attention, prompts = (
        torch.cat((stored[0][f"{part}.1"], method.learning[f"{part}/1"]))
        for part in ("keys", "attention", "prompts")
    )
    assert prompts.shape == (4, 4, 8)  # two components of each task, of four vectors of width 8
    weights = component_weights(query, attention, keys)
    summed = sum(weights[:, m, None, None] * prompts[m] for m in range(4))
    front = method.prefix(query, block=1)
    torch.testing.assert_close(front, torch.stack((summed[:, :2], summed[:, 2:])))


def test_new_components_alone_and_the_head_learn_and_those_of_earlier_tasks_stay_bit_for_bit():
    method = in_second_task(coda())
    method.loss(coda().examples(2)).backward()
    have = {name.partition(".")[0] for name, p in method.named_parameters() if p.grad is not None}
    assert have == {"learning", "network"}
    body = [p for n, p in method.network.named_parameters() if not n.startswith("head.")]
    assert all(p.grad is None for p in body)
    first, second, third = (snapshot.state for snapshot in snapshots(coda()))
    names = [name for name in first if name.startswith("components.")]
    assert len(names) == 2 * 3  # blocks times parts
    for name in names:
        assert [len(state[name]) for state in (first, second, third)] == [1, 2, 3]
        assert torch.equal(second[name][:1], first[name])
        assert torch.equal(third[name][:2], second[name])


def test_the_loss_has_the_orthogonality_of_all_components_of_all_blocks():
    blobs = coda(ortho=0.0)
    method = in_second_task(blobs)
    batch = blobs.examples(2)
    plain = method.loss(batch)
    with torch.no_grad():
        for value in method.learning.values():
            value.mul_(1.5)
    parts = ("keys", "attention", "prompts")
    rows = [method.all_components(part, block).flatten(1) for block in (0, 1) for part in parts]
    penalty = sum(((b @ b.T - torch.eye(4)) ** 2).mean() for b in rows)
    without = method.loss(batch)
    method.config = replace(method.config, ortho=0.3)
    torch.testing.assert_close(method.loss(batch), without + 0.3 * penalty)
    assert plain != without


@pytest.mark.parametrize("none", [{"components": 0}, {"length": 0}, {"blocks": 0}])
def test_without_components_it_is_l2p_without_prompts(none):
    bare = Blobs(L2P, L2P.Config(length=0), "class", epochs=1)
    for one, other in zip(snapshots(coda(**none)), snapshots(bare), strict=True):
        network = [name for name in one.state if name.startswith("network.")]
        assert all(torch.equal(one.state[name], other.state[name]) for name in network)


def test_storage_grows_by_the_components_and_a_prediction_takes_two_passes():
    """Width 8, 5 tokens, 2 blocks; in front of the second pass's keys and values are 2 more."""
    blobs = coda()
    *_, last = snapshots(blobs)
    sizes = {n: t.numel() for n, t in last.state.items() if n.startswith("components")}
    assert sum(sizes.values()) == 3 * 2 * 2 * (8 + 8 + 4 * 8)  # tasks, blocks, components
    method = blobs.restore(last.state, num_learned=3).eval()
    x = blobs.examples(1).x[:1]
    one, _ = prediction_costs(lambda: method.network(x), method.state_dict())
    whole, _ = prediction_costs(lambda: method.predict(x, None), method.state_dict())
    head = 2 * 8 * blobs.num_classes
    weighing = 2 * 6 * (8 + 8 + 4 * 8)  # products with keys, lengths, the sum of six components
    attention = 2 * 2 * 5 * 2 * 8  # of five tokens to two keys and values more
    assert whole == 2 * one - head + 2 * (weighing + attention)


def test_more_blocks_than_there_are_are_refused_and_the_default_takes_all():
    def objection(**config: int) -> str | None:
        sizes = ViTTiny.Config(depth=2)
        setting = Setting("class", 4, (3, 8, 8), "vit_tiny", network_config=sizes)
        return CodaPrompt.objection(CodaPrompt.Config(**config), setting)

    too_many = "blocks must be at most 2, those of the network, given 3"
    assert [objection(blocks=n) for n in (1, 2, 3)] == [None, None, too_many]
    assert objection() is None
    with pytest.raises(ValueError, match=too_many):
        coda(blocks=3).create_method()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"length": 3}, "length must be even, given 3"),
        ({"ortho": -1}, "ortho must be at least 0"),
        (
            {"components": 125_001},
            "components must be at most 125,000 with length 8, given 125,001",
        ),
    ],
)
def test_hyperparameters_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        CodaPrompt.Config(**wrong)

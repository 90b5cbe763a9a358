"""InfLoRA: branches that begin at nothing, their subspace, and what earlier tasks keep."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from math import sqrt
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from methods.l2p import L2P
from methods.lora import InfLoRA
from methods.parts.attention import replace_attention
from methods.parts.growing_subspace import Subspace
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots
from methods.views import Setting
from orchestrator.stages.inference import prediction_costs

WIDTH = 8


def lora(**config: object) -> Blobs:
    return Blobs(InfLoRA, InfLoRA.Config(**{"rank": 2, "share": 0.8, **config}), "class", epochs=1)


def in_second_task(blobs: Blobs) -> InfLoRA:
    (first,) = islice(snapshots(blobs), 1)
    method = blobs.restore(first.state, num_learned=1)
    method.train()
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(blobs.view(2))
    return method


def covariance(*scales: float) -> torch.Tensor:
    """Return a covariance with given singular values, in drawn directions."""
    basis, _ = torch.linalg.qr(torch.randn((5, 5), generator=stream(0, "basis")))
    return basis * torch.tensor(scales) @ basis.T


def test_a_space_takes_the_fewest_directions_that_have_the_share():
    """Squares 16, 9, 4, 1, 0 of 30 in all: 25 of them are 0.83, 29 are 0.97."""
    matrix = covariance(4.0, 3.0, 2.0, 1.0, 0.0)
    for share, width in ((0.0, 0), (0.5, 1), (0.8, 2), (0.9, 3), (0.98, 4), (1.0, 4)):
        space = Subspace(matrix, 5)
        space.widen(matrix, share)
        assert space.basis.shape == (5, width)
        torch.testing.assert_close(space.basis.T @ space.basis, torch.eye(width))
        inside = space.basis @ (space.basis.T @ matrix)
        assert inside.square().sum() >= share * 30 * (1 - 1e-5)
    space.widen(matrix, 1.0)
    assert space.basis.shape == (5, 4)  # what it has already is not added again


def test_directions_outside_are_the_next_singular_vectors_and_0_where_nothing_is_left():
    matrix, space = covariance(4.0, 3.0, 2.0, 0.0, 0.0), Subspace(torch.zeros(1), 5)
    space.widen(matrix, 0.5)
    rows = space.directions_outside(matrix, rank=3)
    torch.testing.assert_close(rows @ space.basis, torch.zeros((3, 1)), atol=1e-6, rtol=0)
    torch.testing.assert_close((rows @ matrix).norm(dim=1), torch.tensor([3.0, 2.0, 0.0]))
    torch.testing.assert_close(rows.norm(dim=1), torch.tensor([1.0, 1.0, 0.0]))


def test_a_branch_changes_nothing_at_first_and_then_keys_and_values_by_b_times_a():
    blobs = lora()
    method = in_second_task(blobs)
    x = blobs.examples(2).x
    before = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    assert torch.equal(method.predict(x, None), before.predict(x, None))
    method.loss(blobs.examples(2))  # sets the directions
    assert torch.equal(method.predict(x, None), before.predict(x, None))
    with torch.no_grad():
        method.learning[0].copy_(torch.randn((2 * WIDTH, 2), generator=stream(0, "B")))
    down = torch.cat((before.branches[0]["A.0"], method._directions[0]))
    up = torch.cat((before.branches[0]["B.0"], method.learning[0]), dim=1)
    tokens = torch.randn((3, 5, WIDTH), generator=stream(0, "tokens"))
    added = method.addition(0, tokens)
    assert not added[..., :WIDTH].any()  # queries
    torch.testing.assert_close(added[..., WIDTH:], tokens @ (up @ down).T)


def test_merged_weights_are_the_sum_of_the_branches():
    blobs = lora(body_tasks=1)
    *_, last = snapshots(blobs)
    method = blobs.restore(last.state, num_learned=3).eval()
    merged = blobs.restore(last.state, num_learned=3).network.eval()
    with torch.no_grad():
        for block, layer in enumerate(merged.body.blocks):
            rows = [method.branches[task] for task in range(3)]
            delta = sum(row[f"B.{block}"] @ row[f"A.{block}"] for row in rows)
            layer.queries_keys_values.weight[WIDTH:] += delta
    x = blobs.examples(2).x
    torch.testing.assert_close(method.predict(x, None), merged(x), rtol=1e-4, atol=1e-5)


def test_the_rows_of_a_are_outside_of_the_inputs_of_earlier_tasks_and_lead_among_the_rest():
    blobs = lora()
    method = in_second_task(blobs)
    method.loss(blobs.examples(2))
    inputs = method.covariances(blobs.view(2).examples.x)
    for space, rows, moment in zip(method.space, method._directions, inputs, strict=True):
        basis = space.basis
        assert 0 < basis.shape[1] < WIDTH
        assert (rows @ basis).abs().max() < 1e-5
        rest = moment - basis @ (basis.T @ moment)
        left, _, _ = torch.linalg.svd(rest)
        rows = (rows * sqrt(3)).abs()  # of either sign
        torch.testing.assert_close(rows, left[:, :2].T.abs(), rtol=1e-2, atol=1e-3)


def test_covariances_are_those_of_the_tokens_that_the_attention_gets():
    blobs = lora()
    method = in_second_task(blobs)
    x, tokens = blobs.examples(2).x[:7], []
    attention = method.tokens.attention[0]
    note = lambda each: tokens.append(each) or attention(each)  # noqa: E731
    with torch.no_grad(), replace_attention([attention], [note]):
        method.network(x)
    flat = tokens[0].flatten(0, 1)
    torch.testing.assert_close(method.covariances(x)[0], flat.T @ flat / (7 * 5))


def test_inputs_within_the_protected_space_get_the_keys_and_values_that_they_had():
    """With all of the first block's inputs protected, later tasks change nothing of the first."""
    blobs = lora(share=1.0, rank=WIDTH)
    first, second = (snapshot.state for snapshot in islice(snapshots(blobs), 2))
    basis = first["space.0.basis"]
    for state in (first, second):
        assert "branches.A/0" in state
    a, b = second["branches.A/0"][1], second["branches.B/0"][1]
    assert (b @ a @ basis).abs().max() < 1e-5


def test_the_new_branch_alone_and_the_head_learn_and_earlier_ones_stay_bit_for_bit():
    method = in_second_task(lora())
    method.loss(lora().examples(2)).backward()
    have = {name for name, p in method.named_parameters() if p.grad is not None}
    assert have == {"learning.0", "learning.1", "network.head.weight", "network.head.bias"}
    first, second, third = (snapshot.state for snapshot in snapshots(lora()))
    for name in (name for name in first if name.startswith("branches.")):
        assert torch.equal(second[name][:1], first[name])
        assert torch.equal(third[name][:2], second[name])
    widths = [state["space.0.basis"].shape[1] for state in (first, second, third)]
    assert widths == sorted(widths)
    assert torch.equal(third["space.0.basis"][:, : widths[0]], first["space.0.basis"])


def test_of_rank_0_it_is_l2p_without_prompts():
    bare = Blobs(L2P, L2P.Config(length=0), "class", epochs=1)
    for one, other in zip(snapshots(lora(rank=0)), snapshots(bare), strict=True):
        network = [name for name in one.state if name.startswith("network.")]
        assert all(torch.equal(one.state[name], other.state[name]) for name in network)
        assert {name.partition(".")[0] for name in one.state} == {"network"}


def test_storage_grows_by_the_branches_and_a_prediction_takes_one_pass():
    blobs = lora()
    *_, last = snapshots(blobs)
    sizes = {n: t.numel() for n, t in last.state.items() if n.startswith("branches")}
    assert sum(sizes.values()) == 3 * 2 * 2 * (WIDTH + 2 * WIDTH)  # tasks, blocks, rank
    method = blobs.restore(last.state, num_learned=3).eval()
    x = blobs.examples(1).x[:1]
    one, _ = prediction_costs(lambda: method.network(x), method.state_dict())
    whole, _ = prediction_costs(lambda: method.predict(x, None), method.state_dict())
    assert whole == one + 2 * (2 * 5 * 6 * (WIDTH + 2 * WIDTH))  # five tokens, rank 6 in all


def test_the_share_rises_with_the_tasks_up_to_1(monkeypatch):
    shares = []
    monkeypatch.setattr(Subspace, "widen", lambda space, matrix, share: shares.append(share))
    list(snapshots(lora(share=0.9, rise=0.06)))
    assert shares[::2] == pytest.approx([0.9, 0.96, 1.0])


def test_the_loss_is_that_of_the_tasks_own_outputs():
    blobs = lora()
    method = in_second_task(blobs)
    batch = blobs.examples(2)
    own = F.cross_entropy(method.predict(batch.x, None)[:, 2:4], batch.y - 2)
    torch.testing.assert_close(method.loss(batch), own)
    mixed = replace(batch, other=batch.y.flip(0), share=torch.full((len(batch),), 0.7))
    assert method.loss(mixed).isfinite()


def test_a_rank_above_the_width_is_refused_before_and_when_the_network_is_built():
    def objection(network: str, **sizes: int) -> str | None:
        config = SimpleNamespace(**sizes)
        setting = Setting("class", 4, (3, 8, 8), network, network_config=config)
        return InfLoRA.objection(InfLoRA.Config(rank=9), setting)

    too_wide = "rank must be at most 8, the width of a token, given 9"
    assert objection("vit_tiny", width=8) == too_wide
    assert objection("vit_tiny", width=9) is None
    assert objection("my:Own", width=8) is None  # where a width may mean anything
    assert lora(rank=10).create_method().branches.get_buffer("A/0").shape == (0, WIDTH, WIDTH)
    with pytest.raises(ValueError, match=too_wide):
        lora(rank=WIDTH + 1).create_method()


@pytest.mark.parametrize("wrong", [{"rank": -1}, {"share": 1.1}, {"rise": -0.1}])
def test_hyperparameters_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        InfLoRA.Config(**wrong)

"""L2: all parameters are held alike."""

from __future__ import annotations

import pytest
import torch

from methods.l2 import L2
from methods.testing.blobs import Blobs
from methods.testing.snapshots import learn, snapshots


def after_first_task(**config):
    blobs = Blobs(L2, L2.Config(**config), "class")
    return blobs, blobs.restore(next(snapshots(blobs)).state, num_learned=1)


@pytest.mark.parametrize("penalise_head", [False, True])
def test_the_penalty_is_half_lam_times_the_squared_distance_of_what_is_held(penalise_head):
    blobs, method = after_first_task(lam=6.0, penalise_head=penalise_head)
    batch = blobs.view(1).examples[:8]
    method.begin_task(blobs.view(2))
    assert torch.equal(method.loss(batch), method.task_loss(batch))
    with torch.no_grad():
        for p in method.network.parameters():
            p.add_(0.5)
    values = 16 * 12 + 12 + (12 * 6 + 6 if penalise_head else 0)
    added = method.loss(batch) - method.task_loss(batch)
    assert added.item() == pytest.approx(6.0 / 2 * values * 0.25, rel=1e-4)


def test_the_anchor_is_where_the_last_task_ended_and_is_not_carried():
    blobs, method = after_first_task()
    method.begin_task(blobs.view(2))
    assert method.anchor.keys() == {"body.weight", "body.bias"}
    before = {name: p.detach().clone() for name, p in method.network.named_parameters()}
    learn(method, blobs.view(2))
    for name, value in method.anchor.items():
        assert torch.equal(value, before[name])
        assert not torch.equal(value, method.network.get_parameter(name))
    assert {name.split(".")[0] for name in method.state_dict()} == {"network"}


def test_a_strength_below_zero_is_refused():
    with pytest.raises(ValueError, match=r"lam must be at least 0 and finite, given -1\.0"):
        L2.Config(lam=-1.0)

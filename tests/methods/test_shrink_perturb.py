"""Shrink and perturb: the formula, and its limits of fine-tuning and of starting afresh."""

from __future__ import annotations

import pytest
import torch

from methods.base import Config
from methods.finetune import Finetune
from methods.parts.initialisation import reinitialise
from methods.shrink_perturb import ShrinkPerturb
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots


def shrink_perturb(scenario="class", batch_norm=False, **config):
    return Blobs(ShrinkPerturb, ShrinkPerturb.Config(**config), scenario, batch_norm)


def parameters(method):
    return {name: p.detach().clone() for name, p in method.network.named_parameters()}


def test_weights_shrink_and_noise_of_that_size_is_added():
    blobs = shrink_perturb(shrink=0.25, noise=0.5)
    method = blobs.create_method()
    before = parameters(method)
    method.begin_task(blobs.view(2))
    noise = torch.cat(
        [((p - 0.25 * before[name]) / 0.5).flatten() for name, p in parameters(method).items()]
    )
    assert abs(noise.mean()) < 0.3
    assert 0.8 < noise.std() < 1.2
    assert len(noise.unique()) > len(noise) / 2


def test_the_first_task_is_a_plain_one():
    blobs = shrink_perturb()
    method = blobs.create_method()
    before = parameters(method)
    method.begin_task(blobs.view(1))
    assert all(torch.equal(p, before[name]) for name, p in parameters(method).items())


@pytest.mark.parametrize("law", ["normal", "initialisation"])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_without_shrinking_and_noise_it_is_fine_tuning_bit_for_bit(scenario, law):
    plain = snapshots(Blobs(Finetune, Config(), scenario))
    still = snapshots(shrink_perturb(scenario, shrink=1.0, noise=0.0, law=law))
    for one, other in zip(plain, still, strict=True):
        assert all(torch.equal(tensor, other.state[name]) for name, tensor in one.state.items())


def test_shrunk_to_nothing_and_drawn_by_the_first_law_it_starts_afresh():
    blobs = shrink_perturb(shrink=0.0, noise=1.0, law="initialisation")
    method, fresh = blobs.create_method(), blobs.create_method().network
    method.begin_task(blobs.view(2))
    reinitialise(fresh, stream(2, "noise"))
    assert all(torch.equal(p, parameters(method)[name]) for name, p in fresh.named_parameters())


def test_statistics_of_batches_are_left_alone():
    blobs = shrink_perturb(batch_norm=True)
    method = blobs.create_method()
    method.network.norm.running_mean.fill_(3.0)
    method.begin_task(blobs.view(2))
    assert (method.network.norm.running_mean == 3).all()


@pytest.mark.parametrize(
    ("config", "story"),
    [({"shrink": 1.5}, r"shrink must be in \[0, 1\]"), ({"noise": -1}, "noise must be at least 0")],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        ShrinkPerturb.Config(**config)

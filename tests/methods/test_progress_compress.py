"""Progress & Compress: its phases, its loss by hand, limits, and costs."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from full_size import CLASSES, COUNTS, build, learn, view

from methods.base import Config, Setting
from methods.finetune import Finetune
from methods.progress_compress import COMPRESS, ProgressCompress
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter, storage_bytes


def blobs_of(scenario: str = "task", **config: object) -> Blobs:
    blobs = Blobs(ProgressCompress, ProgressCompress.Config(**config), scenario)
    with_defaults = ProgressCompress.with_defaults
    return replace(blobs, config=with_defaults(blobs.config, blobs.setting("mlp")))


def in_second_task(blobs: Blobs, phase: int) -> ProgressCompress:
    """Return the method within a phase of its second task, with weights moved since its start."""
    (first,) = islice(snapshots(blobs), 1)
    method, task = blobs.restore(first.state, num_learned=1), blobs.view(2)
    method.train()
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(task)
    method.begin_phase(method.phases(task)[phase], task)
    with torch.no_grad():
        for p in method.parameters():
            if p.requires_grad:
                p.add_(0.3 * torch.randn(p.shape, generator=stream(0, "move")))
    return method


def test_the_first_task_is_fine_tuning_bit_for_bit():
    blobs = blobs_of()
    (first,) = islice(snapshots(blobs), 1)
    (plain,) = islice(snapshots(replace(blobs, method_class=Finetune, config=Config())), 1)
    for name, tensor in plain.state.items():
        assert torch.equal(tensor, first.state[name]), name


@pytest.mark.parametrize("phase", [0, 1])
def test_in_each_phase_one_column_learns_and_the_other_does_not(phase):
    blobs = blobs_of(compress_epochs=3)
    method = in_second_task(blobs, phase)
    learning = {n.split(".")[0] for n, p in method.named_parameters() if p.requires_grad}
    assert learning == ({"network"} if phase else {"active", "laterals"})
    method.loss(blobs.examples(2)).backward()
    touched = {n.split(".")[0] for n, p in method.named_parameters() if p.grad is not None}
    assert touched == learning
    names = [(each.name, dict(each.training)) for each in method.phases(blobs.view(2))]
    assert names == [("", {}), (COMPRESS, {"epochs": 3, "iterations": None})]


def test_the_active_column_builds_on_the_knowledge_base_by_laterals():
    blobs = blobs_of()
    method, x = in_second_task(blobs, 0), blobs.examples(2).x
    torch.testing.assert_close(method.predict_current(x, 2), method.active_scores(x))
    before = method.active_scores(x)
    with torch.no_grad():
        method.network.body.weight.zero_()
        method.network.body.bias.zero_()
    alone = method.active(x)
    torch.testing.assert_close(method.active_scores(x), alone)
    assert not torch.allclose(before, alone)


@pytest.mark.parametrize(("lam", "temperature"), [(0.0, 1.0), (3.0, 2.0)])
def test_compression_is_the_divergence_from_the_active_column_and_the_penalty(lam, temperature):
    """In the task scenario it is over the task's outputs, 2 and 3; with lam 0 that is all."""
    blobs = blobs_of(lam=lam, temperature=temperature, penalise_head=True)
    method, batch = in_second_task(blobs, 1), blobs.examples(2)
    target, own = (
        scores[:, 2:4] / temperature
        for scores in (method.active_scores(batch.x), method.network(batch.x))
    )
    kept = F.kl_div(own.log_softmax(1), target.softmax(1), reduction="batchmean")
    importance = method.importance[0]
    penalty = sum(
        (importance[n] * (p - method.anchor[n]) ** 2).sum()
        for n, p in method.network.named_parameters()
    )
    assert penalty > 0
    torch.testing.assert_close(method.loss(batch), kept + lam / 2 * penalty)


def test_in_the_class_scenario_all_classes_seen_are_distilled():
    blobs = blobs_of("class", lam=0.0)
    method, batch = in_second_task(blobs, 1), blobs.examples(2)
    target, own = (s[:, :4] for s in (method.active_scores(batch.x), method.network(batch.x)))
    expected = F.kl_div(own.log_softmax(1), target.softmax(1), reduction="batchmean")
    torch.testing.assert_close(method.loss(batch), expected)


def test_importance_decays_and_grows_and_nothing_of_the_active_column_is_carried():
    first, second = islice(snapshots(blobs_of(gamma=0.5)), 2)
    assert {name.split(".")[0] for name in second.state} == {"network", "importance"}
    name = "importance.body/weight"
    assert first.state[name].shape == second.state[name].shape == (1, 12, 16)
    assert bool((second.state[name] >= 0.5 * first.state[name] - 1e-9).all())


def test_a_network_that_is_no_chain_is_refused():
    setting = Setting("task", 10, (3, 8, 8), "resnet32", 5)
    assert "needs a chain of layers" in str(
        ProgressCompress.objection(ProgressCompress.Config(), setting)
    )


NEW = 16


def test_what_it_costs_by_hand():
    method = build("progress_compress", "mlp", labels="empirical", compress_epochs=3)
    for index in (1, 2):
        train = FlopMeter()
        learn(method, view(index, "mlp", NEW // 2), (train, FlopMeter()), batch_size=1000)
    count = COUNTS["mlp"]
    laterals = [400 * 400 + 400 * above for above in (400, CLASSES)]  # V and U
    # The knowledge base forward; laterals forward, to the weights, and of V to the scales alpha.
    progress = count.step + count.forward + 3 * sum(laterals)
    compress = count.step + 2 * count.forward + sum(laterals)
    assert train.total == pytest.approx(2 * NEW * (progress + 3 * compress), rel=0.01)
    held = 4 * (count.parameters - count.head)
    sizes = storage_bytes(method.state_dict(), method.storage)
    assert sizes == {"model": count.carried, "importance": held}

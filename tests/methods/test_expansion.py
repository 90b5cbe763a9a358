"""der_expand and memo: limits, the auxiliary classifier, what stays frozen, costs by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from full_size import COUNTS, build, learn, view
from torch import nn

from methods.base import Config, Examples, Setting
from methods.der_expand import CLASSIFIER, DERExpand
from methods.finetune import Finetune
from methods.memo import MEMO
from methods.testing.blobs import Blobs
from methods.testing.snapshots import snapshots
from orchestrator.networks.cnn import CNN
from orchestrator.networks.mlp import MLP
from orchestrator.networks.resnet import ResNet18
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.inference import prediction_costs


class DERInBlocks(DERExpand):
    """The same, on the network that memo needs."""

    takes_any_body = False


def der(cls: type[DERExpand] = DERExpand, **config: object) -> Blobs:
    config = {"memory_size": 12, "classifier_epochs": 2, **config}
    return Blobs(cls, cls.Config(**config), "class", epochs=1)


def memo(**config: object) -> Blobs:
    return Blobs(MEMO, MEMO.Config(**{"memory_size": 12, **config}), "class", epochs=1)


def in_second_task(blobs: Blobs) -> DERExpand | MEMO:
    (first,) = islice(snapshots(blobs), 1)
    method = blobs.restore(first.state, num_learned=1)
    method.train()
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(blobs.view(2))
    return method


def test_the_first_task_is_fine_tuning():
    blobs = der()
    (first,) = islice(snapshots(blobs), 1)
    (plain,) = islice(snapshots(replace(blobs, method_class=Finetune, config=Config())), 1)
    for name in ("network.body.weight", "network.body.bias"):
        torch.testing.assert_close(first.state[name], plain.state[name])
    torch.testing.assert_close(first.scores[1][:, :2], plain.scores[1][:, :2])


def test_memo_that_shares_nothing_is_der_expand_without_a_second_phase():
    alone = snapshots(memo(specialised=2, align=False))
    for one, other in zip(alone, snapshots(der(DERInBlocks, classifier_epochs=0)), strict=True):
        for task, scores in one.scores.items():
            assert torch.equal(scores, other.scores[task])
        for name, tensor in one.state.items():
            if name.startswith("network"):
                assert torch.equal(tensor, other.state[name]), name


def test_memo_that_shares_everything_is_one_network_whose_head_has_more_outputs():
    *_, last = snapshots(memo(specialised=0))
    assert {name.split(".")[0] for name in last.state} == {"network", "memory"}
    assert last.state["network.head.weight"].shape == (6, 12)


@pytest.mark.parametrize(("blobs", "where"), [(der(), "body"), (memo(), "body.4")])
def test_extractors_of_earlier_tasks_never_change(blobs, where):
    first, second, third = snapshots(blobs)
    for learned, place in ((first, 0), (second, 1)):
        for part in ("weight", "bias"):
            kept = third.state[f"columns.{place}.{where.removeprefix('body.')}.{part}"]
            assert torch.equal(kept, learned.state[f"network.{where}.{part}"])
    assert third.state["network.head.weight"].shape == (6, 36)
    assert not any(name.startswith("auxiliary") for name in third.state)


def test_the_auxiliary_classifier_tells_new_classes_from_each_other_and_all_old_ones():
    """Classes 2 and 3 are new: labels 1 and 2; 0 and 1 are old: label 0."""
    method = in_second_task(der(lam_auxiliary=0.5))
    x = der().examples(2).x[:4]
    batch = Examples(x, torch.tensor([0, 1, 2, 3]))
    old, new = (
        network.body(x.flatten(1).float() / 255).relu()
        for network in (method.columns[0], method.network)
    )
    scores = F.linear(torch.cat((old, new), 1), method.head.weight, method.head.bias)
    auxiliary = F.cross_entropy(method.auxiliary(new), torch.tensor([0, 0, 1, 2]))
    expected = F.cross_entropy(scores, batch.y) + 0.5 * auxiliary
    torch.testing.assert_close(method.loss(batch), expected)
    # Half of another old class: the old classes are one to the auxiliary classifier.
    mixed = Examples(x, batch.y, torch.tensor([1, 0, 3, 2]), torch.full((4,), 0.25))
    other = F.cross_entropy(method.auxiliary(new), torch.tensor([0, 0, 2, 1]))
    halves = 0.25 * auxiliary + 0.75 * other
    padded = F.pad(scores, (0, 2))
    torch.testing.assert_close(method.loss(mixed), method.task_loss(mixed, padded) + 0.5 * halves)


def test_the_second_phase_trains_a_fresh_classifier_alone_on_as_many_of_each_class():
    blobs = der(classifier_temperature=2.0)
    method, task = in_second_task(blobs), blobs.view(2)
    plain, phase = method.phases(task)
    assert (plain.name, phase.name, phase.training["epochs"]) == ("", CLASSIFIER, 2)
    before = method.head.weight.detach().clone()
    method.begin_phase(phase, task)
    assert not torch.equal(method.head.weight, before)
    assert {n for n, p in method.named_parameters() if p.requires_grad} == {
        "network.head.weight",
        "network.head.bias",
    }
    examples = method.examples(task)
    assert examples.y.bincount().tolist() == [6, 6, 6, 6]
    scores = method.predict(examples.x, None)
    expected = F.cross_entropy(scores[:, :4] / 2, examples.y)
    torch.testing.assert_close(method.loss(examples), expected)
    method.begin_phase(plain, task)
    assert all(p.requires_grad for p in method.network.parameters())
    assert len(der(classifier_epochs=0).create_method().phases(task)) == 1


def test_new_weights_of_memo_have_the_mean_norm_of_old_ones():
    _, second, _ = snapshots(memo())
    norms = second.state["network.head.weight"].norm(dim=1)
    torch.testing.assert_close(norms[2:4].mean(), norms[:2].mean())


NEW, HELD = 16, 8
BODY, LAST, FIRST = 784 * 400 + 400 * 400, 400 * 400, 784 * 400
HEAD, AUXILIARY = 800 * 4, 400 * 3


def second_task(name, **config):
    method = build(name, "mlp", memory_size=HELD, exemplar_passes=1, **config)
    for index in (1, 2):
        meters = FlopMeter(), FlopMeter()
        learn(method, view(index, "mlp", NEW // 2), meters, batch_size=1000)
    method.eval()
    x, state = view(1, "mlp").examples.x[:1], method.state_dict()
    with torch.no_grad():
        flops, read = prediction_costs(lambda: method.predict(x, None), state)
    sizes = storage_bytes(state, method.storage)
    return [meter.total for meter in meters], flops, read, sizes


def test_what_der_expand_costs_by_hand():
    (train, consolidate), flops, read, sizes = second_task("der_expand", classifier_epochs=3)
    own = 3 * BODY - FIRST  # forward, and back to weights and to the inputs of all but the first
    learning = (NEW + HELD) * (own + BODY + 3 * HEAD + 3 * AUXILIARY)
    balanced = 3 * 4 * 4 * (2 * BODY + 2 * HEAD)
    assert train == pytest.approx(2 * (learning + balanced), rel=0.01)
    herding = 2 * NEW * 800
    assert consolidate == pytest.approx(2 * (NEW * (2 * BODY + HEAD) + herding), rel=0.01)
    assert flops == 2 * (2 * BODY + HEAD)
    extractor = 4 * (BODY + 400 + 400)
    assert sizes == {
        "model": extractor + 4 * (HEAD + 4),
        "columns": extractor,
        "buffer": HELD * 785,
    }
    assert read == 2 * extractor + 4 * (HEAD + 4)


def test_what_memo_costs_by_hand():
    (train, _), flops, read, sizes = second_task("memo")
    own = 3 * BODY - FIRST
    older = 2 * LAST  # forward, and back to the layer that is shared
    learning = (NEW + HELD) * (own + older + 3 * HEAD + 3 * AUXILIARY)
    assert train == pytest.approx(2 * learning, rel=0.01)
    assert flops == 2 * (BODY + LAST + HEAD)
    last = 4 * (LAST + 400)
    assert sizes["columns"] == last
    assert sizes["model"] == COUNTS["mlp"].carried - 4 * 4010 + 4 * (HEAD + 4)
    assert read == sizes["model"] + last


@pytest.mark.parametrize(
    ("network", "config", "specialised", "reason"),
    [
        ("mlp", MLP.Config(hidden=(8,)), 2, "must be at most 1, the layers of the body, given 2"),
        ("cnn", CNN.Config(channels=(4, 8), hidden=8), 3, None),
        ("resnet18", ResNet18.Config(variant="torchvision"), 1, "given resnet18"),
        ("resnet18", ResNet18.Config(), 9, None),
        ("vit_tiny", None, 1, "needs a body of several layers in sequence"),
        ("torchvision:resnet18", None, 1, "given torchvision:resnet18"),
        ("mine:Own", None, 1, None),
        ("mlp", MLP.Config(head="cosine"), 1, "given head: cosine"),
    ],
)
def test_a_network_that_cannot_be_divided_is_refused_when_the_sweep_is_read(
    network, config, specialised, reason
):
    setting = Setting("class", 10, (3, 8, 8), network, 5, config)
    refusal = MEMO.objection(MEMO.Config(specialised=specialised), setting)
    assert refusal is None if reason is None else reason in str(refusal)


def test_a_user_s_network_is_checked_when_it_is_built():
    plain = Blobs(DERExpand, DERExpand.Config(memory_size=12), "class").create_method().network
    outlook = der().create_method().outlook
    with pytest.raises(ValueError, match=r"make its `body` an nn\.Sequential"):
        MEMO(plain, MEMO.Config(), outlook)
    plain.body = nn.Sequential(plain.body)
    with pytest.raises(ValueError, match="specialised must be at most 1"):
        MEMO(plain, MEMO.Config(specialised=2), outlook)

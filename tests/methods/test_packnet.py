"""PackNet: masks that never meet, predictions that never change, bytes by formula."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from methods.base import Outlook, Setting
from methods.finetune import Finetune
from methods.packnet import PackNet
from methods.testing.blobs import NUM_TASKS, Blobs
from methods.testing.conformance import assert_conforms
from methods.testing.snapshots import learn, snapshots
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import CNN, MLP, NetworkShape, ResNet18, build_network
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, num_steps, train_task

GREY = NetworkShape((1, 28, 28), 10, (0.286,), (0.353,))
RGB = NetworkShape((3, 32, 32), 100, (0.5,) * 3, (0.25,) * 3)
# SmallNetwork: one hidden layer, 16-12.
WEIGHTS = 16 * 12


def packnet(batch_norm=False, **config):
    return Blobs(PackNet, PackNet.Config(**config), "task", batch_norm)


def own(snapshot, task):
    """A task's scores of its own classes, which are all that may be predicted."""
    return snapshot.scores[task][:, list(packnet().classes(task))]


def owner(snapshot):
    return snapshot.state["owner.body/weight"]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("prune", [0.0, 0.5, 0.75])
def test_predictions_of_a_task_learned_never_change_by_a_bit(batch_norm, prune):
    first, second, third = snapshots(packnet(batch_norm, prune=prune))
    assert torch.equal(own(first, 1), own(second, 1))
    assert torch.equal(own(first, 1), own(third, 1))
    assert torch.equal(own(second, 2), own(third, 2))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_nor_do_they_under_momentum_and_weight_decay(optimizer):
    blobs = packnet(batch_norm=True)
    momentum = 0.9 if optimizer == "sgd" else 0.0
    training = Training(
        iterations=8,
        batch_size=20,
        optimizer=optimizer,
        lr=0.05,
        weight_decay=0.1,
        momentum=momentum,
    )
    method, scores = blobs.create_method(), []
    for index in (1, 2, 3):
        view = replace(blobs.view(index), num_steps=8)
        train_task(method, view, training, FlopMeter())
        method.end_task(view)
        with torch.no_grad():
            scores.append(method.eval().predict(blobs.examples(1).x, 1)[:, :2])
    assert torch.equal(scores[0], scores[1])
    assert torch.equal(scores[0], scores[2])


def test_what_a_task_owns_it_keeps_and_no_other_gets():
    first, second, third = snapshots(packnet(prune=0.75))
    for before, after in ((first, second), (second, third)):
        kept = owner(before) > 0
        assert torch.equal(owner(before)[kept], owner(after)[kept])
        for k in range(1, before.after + 1):
            mask = owner(after) == k
            name = "network.body.weight"
            assert torch.equal(before.state[name][mask], after.state[name][mask])


@pytest.mark.parametrize("prune", [0.0, 0.3, 0.75])
def test_each_task_takes_its_share_of_what_is_free(prune):
    free = WEIGHTS
    for snapshot in snapshots(packnet(prune=prune)):
        left = round(prune * free)
        assert int((owner(snapshot) == snapshot.after).sum()) == free - left
        assert int((owner(snapshot) == 0).sum()) == left
        free = left


def test_free_weights_rest_at_zero():
    for snapshot in snapshots(packnet()):
        weight = snapshot.state["network.body.weight"]
        assert (weight[owner(snapshot) == 0] == 0).all()
        assert (weight[owner(snapshot) > 0] != 0).all()


def test_the_smallest_weights_of_a_layer_are_pruned():
    blobs = packnet(prune=0.5)
    method = blobs.create_method()
    view = blobs.view(1)
    before = method.network.body.weight.detach().abs().clone()
    method.begin_task(view)
    method.end_task(view)
    kept = method.owner.get_buffer("body/weight") == 1
    assert before[kept].min() >= before[~kept].max()


def test_kept_weights_are_trained_on_after_pruning_and_pruned_ones_are_not():
    blobs = packnet(prune=0.5, prune_at=0.5)
    method = blobs.create_method()
    seen = []

    def spy(batch, after_step=method.after_step):
        after_step(batch)
        seen.append(
            (
                method.network.body.weight.detach().clone(),
                method.owner.get_buffer("body/weight").clone(),
            )
        )

    method.after_step = spy
    learn(method, blobs.view(1))
    steps = len(seen)
    pruned_at = next(i for i, (_, mask) in enumerate(seen, start=1) if mask.any())
    assert pruned_at == round(0.5 * steps)
    weight, mask = seen[pruned_at - 1]
    last = seen[-1][0]
    # A unit that answers to no example does not learn.
    assert (last[mask == 1] != weight[mask == 1]).float().mean() > 0.5
    assert (last[mask == 0] == 0).all()


@pytest.mark.parametrize("num_steps", [0, 100])
def test_where_training_ends_before_pruning_was_due_the_end_of_the_task_prunes(num_steps):
    blobs = packnet(prune=0.5)
    method = blobs.create_method()
    view = replace(blobs.view(1), num_steps=num_steps)
    train_task(method, view, Training(iterations=3), FlopMeter())
    mask = method.owner.get_buffer("body/weight")
    assert not mask.any()
    method.end_task(view)
    assert int(mask.sum()) == WEIGHTS // 2


@pytest.mark.parametrize("prune_at", [0.01, 1.0])
def test_pruning_happens_once_however_early_or_late(prune_at):
    first, *_ = snapshots(packnet(prune=0.5, prune_at=prune_at))
    assert int((owner(first) == 1).sum()) == WEIGHTS // 2


def test_without_pruning_the_first_task_is_fine_tuning_and_takes_everything():
    plain = next(snapshots(Blobs(Finetune, Finetune.Config(), "task"))).state
    first, second, third = snapshots(packnet(prune=0.0))
    assert all(torch.equal(tensor, first.state[name]) for name, tensor in plain.items())
    for later in (second, third):
        assert torch.equal(first.state["network.body.weight"], later.state["network.body.weight"])
        assert not torch.equal(
            first.state["network.head.weight"], later.state["network.head.weight"]
        )


def test_biases_and_normalisation_stay_as_the_first_task_left_them():
    first, *_, last = snapshots(packnet(batch_norm=True))
    values = [n for n in first.state if n.startswith("network.norm") or n == "network.body.bias"]
    assert len(values) == 6
    assert all(torch.equal(first.state[name], last.state[name]) for name in values)


def test_a_task_uses_what_earlier_tasks_own():
    blobs = packnet()
    *_, last = snapshots(blobs)
    method = blobs.restore(last.state, NUM_TASKS).eval()
    before = method.predict(blobs.examples(3).x, 3)
    with torch.no_grad():
        method.network.body.weight[owner(last) == 1] = 0
    assert not torch.allclose(before, method.predict(blobs.examples(3).x, 3))


@pytest.mark.parametrize(
    ("network", "shape"), [(MLP, GREY), (CNN, GREY), (ResNet18, RGB)], ids=["mlp", "cnn", "resnet"]
)
def test_storage_is_a_byte_for_each_weight_below_the_head(network, shape):
    net = build_network(network, network.Config(), shape, 0)
    method = PackNet(net, PackNet.Config(), Outlook(shape.num_classes, shape.input_shape, 3))
    weights = sum(
        p.numel() for n, p in net.named_parameters() if p.dim() > 1 and n != "head.weight"
    )
    sizes = storage_bytes(method.state_dict(), PackNet.storage)
    assert sizes["importance"] == weights
    if network is MLP:
        assert weights == 784 * 400 + 400 * 400


@pytest.mark.parametrize("config", [{"prune": 0.0}, {"prune": 0.4, "prune_at": 1.0}])
def test_variants_keep_the_contract(config):
    assert_conforms(PackNet, PackNet.Config(**config), "task")


def test_it_must_be_told_the_task():
    with pytest.raises(ValueError, match="use the task scenario"):
        packnet().create_method().predict(packnet().examples(1).x, None)
    story = PackNet.objection(PackNet.Config(), Setting("class", 10, (1, 28, 28), "mlp"))
    assert story is not None


def test_the_benchmark_gives_every_task_outputs_of_its_own():
    tasks = Benchmark(name="split_digits", scenario="task").tasks()
    outputs = [c for task in tasks for c in task.classes]
    assert len(outputs) == len(set(outputs))


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"prune": 1.0}, r"prune must be in \[0, 1\), given 1.0"),
        ({"prune": -0.1}, r"prune must be in \[0, 1\), given -0.1"),
        ({"prune_at": 0.0}, r"prune_at must be in \(0, 1\], given 0.0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        PackNet.Config(**config)


@pytest.mark.parametrize("budget", [{"epochs": 3}, {"iterations": 7}])
def test_the_learner_takes_as_many_steps_as_it_says(budget):
    training = Training(batch_size=20, **budget)
    blobs = packnet()
    method, used = blobs.create_method(), []
    method.after_step = lambda batch: used.append(len(batch))
    view = blobs.view(1)
    train_task(method, view, training, FlopMeter())
    assert len(used) == num_steps(len(view.examples), training)

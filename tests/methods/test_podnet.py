"""PODNet: pooled maps, proxies and their loss by hand; limits, what is fixed, costs."""

from __future__ import annotations

from itertools import islice
from math import exp, log

import pytest
import torch
import torch.nn.functional as F
from full_size import COUNTS, build, learn, view
from torch import nn

from methods.base import Examples
from methods.parts.heads import cosine_scores
from methods.parts.pooled_maps import maps_and_features, pool_maps
from methods.parts.proxies import ProxyHead, centroids, nca_loss
from methods.podnet import BALANCED, PODNet
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots
from orchestrator.networks.cifar_resnet import ResNet32
from orchestrator.networks.cnn import CNN
from orchestrator.networks.networks import NetworkShape
from orchestrator.stages.costs import FlopMeter, storage_bytes


def podnet(**config: object) -> Blobs:
    config = {"memory_size": 12, "balanced_epochs": 2, **config}
    return Blobs(PODNet, PODNet.Config(**config), "class", epochs=1)


def in_second_task(blobs: Blobs) -> PODNet:
    """Return the method within its second task, after its first loss, with weights moved since."""
    (first,) = islice(snapshots(blobs), 1)
    method = blobs.restore(first.state, num_learned=1)
    method.train()
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(blobs.view(2))
    method.loss(blobs.examples(2))
    with torch.no_grad():
        weight = method.network.body.weight
        weight.add_(0.3 * torch.randn(weight.shape, generator=stream(0, "move")))
    return method


def test_scores_with_one_proxy_are_cosines_and_with_two_a_weighted_mean_of_them():
    head = ProxyHead(nn.Linear(2, 2), 1)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 2.0]]))
        head.scale.fill_(5.0)
    x = torch.tensor([[0.6, 0.8]])
    torch.testing.assert_close(head(x), cosine_scores(x, head.weight, head.scale))
    two = ProxyHead(nn.Linear(2, 1), 2)
    with torch.no_grad():
        two.weight.copy_(head.weight)
    weight = exp(0.6) / (exp(0.6) + exp(0.8))
    assert two(x).item() == pytest.approx(0.6 * weight + 0.8 * (1 - weight))


def test_the_loss_by_hand():
    """Own score 1 against 1 and 0, margin .5: log(e + 1) - .5; another is beyond its margin."""
    scores = torch.tensor([[1.0, 1.0, 0.0, 9.0], [0.0, 5.0, 0.0, 9.0]])
    others = torch.tensor([[True, True, True, False]]).repeat(2, 1)
    loss = nca_loss(scores, torch.tensor([0, 1]), others, torch.tensor(0.5))
    assert loss.item() == pytest.approx((log(exp(1) + 1) - 0.5) / 2)
    alone = nca_loss(scores, torch.tensor([0, 1]), others & False, torch.tensor(0.5))
    assert alone.item() == 0


def test_maps_are_pooled_over_rows_and_columns():
    """Squares 1 4 / 9 16: rows 5 and 25, columns 10 and 20, of norm sqrt(1150)."""
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    expected = torch.tensor([[5.0, 25.0, 10.0, 20.0]]) / 1150**0.5
    torch.testing.assert_close(pool_maps(image), expected)


@pytest.mark.parametrize(
    ("cls", "config", "shapes"),
    [
        (ResNet32, ResNet32.Config(), [(16, 8, 8), (32, 4, 4), (64, 2, 2)]),
        (CNN, CNN.Config(channels=(4, 6), hidden=5), [(4, 8, 8), (4, 4, 4), (6, 4, 4), (6, 2, 2)]),
    ],
)
def test_a_stage_ends_where_maps_change_their_shape(cls, config, shapes):
    network = cls(config, NetworkShape((3, 8, 8), 4, (0.5,) * 3, (0.5,) * 3))
    x = torch.zeros((2, 3, 8, 8), dtype=torch.uint8)
    scores, maps, features = maps_and_features(network, x)
    assert [each.shape[1:] for each in maps] == shapes
    torch.testing.assert_close(network.head(features), scores)


def test_centroids_of_two_groups_are_their_means_and_examples_are_repeated_if_there_are_few():
    points = torch.tensor([[0.0, 1.0], [0.0, 1.2], [5.0, 0.0], [5.2, 0.0]])
    centres = centroids(points, 2, stream(0, "begin"))
    expected = torch.tensor([[0.0, 1.1], [5.1, 0.0]])
    torch.testing.assert_close(centres[centres[:, 0].argsort()], expected)
    few = centroids(points[:1], 3, stream(0, "begin"))
    assert torch.equal(few, points[:1].repeat(3, 1))


def test_without_convolutions_the_distillation_is_of_the_features_alone():
    """Four classes seen, two of them new: sqrt(2) pod_flat (1 - cos)."""
    method = in_second_task(podnet(pod_flat=0.7))
    batch = podnet().examples(2)
    old, new = (
        n.body(batch.x.flatten(1).float() / 255).relu()
        for n in (method.teacher.module, method.network)
    )
    cosine = F.cosine_similarity(old, new).mean()
    plain = method.classifier_loss(method.network(batch.x), batch.y)
    torch.testing.assert_close(method.loss(batch), plain + 2**0.5 * 0.7 * (1 - cosine))
    method = in_second_task(podnet(pod_flat=0.0, pod_spatial=0.0))
    plain = method.classifier_loss(method.network(batch.x), batch.y)
    assert torch.equal(method.loss(batch), plain)


def test_maps_that_moved_add_the_mean_of_their_distances():
    blobs, shape = podnet(pod_flat=0.0, pod_spatial=2.0), NetworkShape((1, 4, 4), 6, (0.5,), (0.5,))
    network = CNN(CNN.Config(channels=(3,), hidden=5), shape)
    method, batch = PODNet(network, blobs.config, blobs.create_method().outlook), blobs.examples(2)
    method.memory.resize(4)
    method.memory.write(torch.arange(4), blobs.examples(1)[torch.tensor([0, 1, 46, 47])])
    method.memory.filled = 4
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(blobs.view(2))
    method.loss(batch)
    with torch.no_grad():
        network.body[0].weight.add_(0.3 * torch.randn(3, 1, 3, 3, generator=stream(0, "move")))
    plain = method.classifier_loss(network(batch.x), batch.y)
    maps = [maps_and_features(n, batch.x)[1] for n in (network, method.teacher.module)]
    distances = [
        (pool_maps(a) - pool_maps(b)).norm(dim=1).mean() for a, b in zip(*maps, strict=True)
    ]
    assert len(distances) == 2
    expected = plain + 2**0.5 * 2 * sum(distances) / 2
    torch.testing.assert_close(method.loss(batch), expected)
    assert expected > plain + 0.01


def test_proxies_of_old_classes_move_in_the_second_phase_alone():
    first, second = islice(snapshots(podnet(balanced_epochs=0, proxies=3)), 2)
    old, weight = slice(0, 6), "network.head.weight"
    assert torch.equal(first.state[weight][old], second.state[weight][old])
    assert not torch.equal(first.state[weight][6:12], second.state[weight][6:12])
    assert not second.state[weight][12:].any()
    _, moved = islice(snapshots(podnet(proxies=3)), 2)
    assert not torch.equal(first.state[weight][old], moved.state[weight][old])


def test_the_second_phase_trains_the_head_alone_on_as_many_of_each_class():
    blobs = podnet()
    method, task = in_second_task(blobs), blobs.view(2)
    plain, phase = method.phases(task)
    assert (plain.name, phase.name, phase.training["epochs"]) == ("", BALANCED, 2)
    method.begin_phase(phase, task)
    names = {n for n, p in method.named_parameters() if p.requires_grad}
    assert names == {"network.head.weight"}
    examples = method.examples(task)
    assert examples.y.bincount().tolist() == [6, 6, 6, 6]
    batch = Examples(examples.x, examples.y)
    method.loss(batch).backward()
    method.after_backward()
    assert method.head.weight.grad[:20].abs().sum() > 0
    assert len(podnet(balanced_epochs=0).create_method().phases(task)) == 1


@pytest.mark.parametrize(("start", "least"), [(10.0, 1.0), (0.5, 0.5)])
def test_the_scale_does_not_fall_to_where_the_loss_drives_examples_from_their_proxies(start, least):
    blobs = podnet(scale=start)
    method = blobs.create_method()
    with torch.no_grad():
        method.head.scale.fill_(-3.0)
    method.after_step(blobs.examples(1))
    assert method.head.scale.item() == least


NEW, HELD, PROXIES = 16, 8, 2


def test_what_it_costs_by_hand():
    config = {"memory_size": HELD, "exemplar_passes": 1, "proxies": PROXIES, "balanced_epochs": 3}
    method = build("podnet", "mlp", **config)
    for index in (1, 2):
        meter = FlopMeter()
        learn(method, view(index, "mlp", NEW // 2), (meter, FlopMeter()), batch_size=1000)
    count = COUNTS["mlp"]
    head = 400 * 10 * PROXIES
    forward = count.forward - 4000 + head
    step = count.step - 3 * 4000 + 3 * head
    lloyd = 10 * 2 * NEW * PROXIES * 400
    balanced = 3 * 4 * 4 * (forward + head)
    expected = 2 * ((NEW + HELD) * (step + forward) + NEW * forward + lloyd + balanced)
    assert meter.total == pytest.approx(expected, rel=0.02)
    sizes = storage_bytes(method.state_dict(), method.storage)
    assert sizes == {"model": count.carried - 4 * 4010 + 4 * (head + 1), "buffer": HELD * 785}

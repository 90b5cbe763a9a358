"""LUCIR: cosines, kept directions, margins and imprinted weights, worked by hand."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from methods.base import Examples
from methods.lucir import LUCIR, imprint
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots


def lucir(**config: object) -> Blobs:
    return Blobs(LUCIR, LUCIR.Config(memory_size=20, **config), "class")


def in_task(blobs: Blobs, index: int) -> LUCIR:
    """Return the method within a task, after its first loss, with weights moved since."""
    method = blobs.create_method()
    if index > 1:
        *_, last = islice(snapshots(blobs), index - 1)
        method = blobs.restore(last.state, num_learned=index - 1)
    method.train()
    method.configure_loss(blobs.allowed_outputs(index))
    method.begin_task(blobs.view(index))
    method.loss(blobs.examples(index))
    with torch.no_grad():
        for name, p in method.network.named_parameters():
            if not name.endswith("scale"):
                p.add_(0.3 * torch.randn(p.shape, generator=stream(0, "move")))
    return method


def features_of(network, x):
    return network.body(x.flatten(1).float() / 255).relu()


def test_scores_are_cosines_times_a_scale_that_is_learned():
    method = in_task(lucir(scale=3.0), 1)
    x = method.memory.x if method.memory.filled else lucir().examples(1).x
    cosines = F.cosine_similarity(
        features_of(method.network, x).unsqueeze(1), method.network.head.weight.unsqueeze(0), dim=2
    )
    torch.testing.assert_close(method.predict(x, None), 3 * cosines)
    assert method.network.head.scale.requires_grad


@pytest.mark.parametrize(("index", "weight"), [(2, 5.0), (3, 5 * 2**0.5)])
def test_directions_are_kept_the_stronger_the_more_classes_are_old(index, weight):
    """Two old and two new classes: 5; four old and two new: 5 sqrt(2)."""
    blobs = lucir(margin_weight=0.0)
    method, batch = in_task(blobs, index), blobs.examples(index)
    old = features_of(method.teacher.module, batch.x)
    cosine = F.cosine_similarity(features_of(method.network, batch.x), old).mean()
    expected = method.task_loss(batch) + weight * (1 - cosine)
    torch.testing.assert_close(method.loss(batch), expected)


def test_the_margin_by_hand():
    """Class 0 has .6 against .3 and -.2 of the new ones: .5 - .6 + .3 = .2, and nothing for -.2.

    Class 1 has .1 against .4 and .2: .8 and .6. The third example is of a new class and is left
    out, so that the mean is over two examples and two classes: 1.6 / 4.
    """
    method = in_task(lucir(), 2)
    cosines = torch.tensor(
        [
            [0.6, 0.9, 0.3, -0.2, 0.0, 0.0],
            [0.9, 0.1, 0.2, 0.4, 0.0, 0.0],
            [0.9, 0.9, 0.1, 0.9, 0.0, 0.0],
        ]
    )
    assert method.margin_loss(cosines, torch.tensor([0, 1, 2])).item() == pytest.approx(0.4)
    assert method.margin_loss(cosines[2:], torch.tensor([2])).item() == 0
    nearest = in_task(lucir(nearest=1), 2)
    assert nearest.margin_loss(cosines, torch.tensor([0, 1, 2])).item() == pytest.approx(0.5)


def test_new_weights_begin_as_the_mean_directions_of_their_classes():
    weight = torch.tensor([[0.0, 4.0], [2.0, 0.0], [1.0, 1.0]])
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    view = lucir().view(1)
    view = type(view)(2, (2,), Examples(features, torch.tensor([2, 2, 0])), None, view.stream)
    length = (4 + 2 + 2**0.5) / 3
    imprint(weight, features, view)
    assert weight[:2].tolist() == [[0.0, 4.0], [2.0, 0.0]]
    assert weight[2].tolist() == pytest.approx([length / 2**0.5] * 2)


def test_the_first_task_is_a_plain_one():
    blobs = lucir()
    method = in_task(blobs, 1)
    batch = blobs.examples(1)
    assert torch.equal(method.loss(batch), method.task_loss(batch))
    assert method.step_kind() == (False, 0)


def test_the_first_step_of_a_later_task_is_of_a_kind_of_its_own():
    blobs = lucir()
    (first,) = islice(snapshots(blobs), 1)
    method = blobs.restore(first.state, num_learned=1)
    method.configure_loss(blobs.allowed_outputs(2))
    method.begin_task(blobs.view(2))
    assert method.step_kind() == (True, 48)
    method.loss(blobs.examples(2))
    assert method.step_kind() == (True, 0)


def test_storage_is_the_exemplars():
    *_, last = snapshots(lucir())
    assert {name.split(".")[0] for name in last.state} == {"network", "memory"}
    assert "network.head.bias" not in last.state

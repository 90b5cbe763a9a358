"""SLCA: the share of the body's step, the Gaussians of classes, and the aligned classifier."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from methods.base import Examples, Outlook, Phase, TaskView
from methods.finetune import Finetune
from methods.parts.gaussians import RIDGE, ClassGaussians
from methods.parts.token_adapter import own_outputs_only
from methods.slca import ALIGNMENT, SLCA, aligned_loss
from methods.testing.blobs import Blobs, stream
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task


def slca(**config: object) -> Blobs:
    given = {"per_class": 8, "alignment_epochs": 1, **config}
    return Blobs(SLCA, SLCA.Config(**given), "class", epochs=1)


class CurrentOutputs(Finetune):
    """Fine-tuning over a task's own outputs."""

    def begin_task(self, task):
        self.classes = task.classes

    def loss(self, batch):
        return self.task_loss(batch, own_outputs_only(self.network(batch.x), self.classes))


def test_with_the_whole_step_and_no_alignment_it_is_fine_tuning_over_own_outputs():
    plain = Blobs(CurrentOutputs, Finetune.Config(), "class", epochs=1)
    for one, other in zip(
        snapshots(slca(slow=1, alignment_epochs=0)), snapshots(plain), strict=True
    ):
        assert all(torch.equal(one.state[name], value) for name, value in other.state.items())


@pytest.mark.parametrize(
    "optimizer",
    [{"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "adamw", "weight_decay": 0.1}],
)
def test_a_share_of_the_step_is_a_lower_rate_of_the_body(optimizer):
    def weights(blobs: Blobs, lr: object) -> list[torch.Tensor]:
        method, view = blobs.create_method(), blobs.view(1)
        train_task(method, view, Training(batch_size=16, epochs=2, lr=lr, **optimizer), FlopMeter())
        return [p.detach() for p in method.network.parameters()]

    plain = Blobs(CurrentOutputs, Finetune.Config(), "class")
    slow, rates = weights(slca(slow=0.25), 0.02), {"head": 0.02, "body": 0.005}
    for one, other in zip(slow, weights(plain, rates), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_share_of_0_freezes_the_body_bit_for_bit():
    blobs = slca(slow=0)
    fresh = blobs.create_method().state_dict()
    *_, last = snapshots(blobs)
    assert torch.equal(last.state["network.body.weight"], fresh["network.body.weight"])
    assert not torch.equal(last.state["network.head.weight"], fresh["network.head.weight"])


def test_gaussians_are_the_means_and_covariances_of_the_features_and_draws_have_them():
    features = torch.randn((300, 3), generator=stream(0, "features")) @ torch.tensor(
        [[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [0.0, 1.0, 0.1]]
    )
    y = torch.arange(300) % 2
    gaussians = ClassGaussians(4, 3)
    gaussians.measure(features, y, (0, 1, 3))
    for label in (0, 1):
        own = features[y == label]
        torch.testing.assert_close(gaussians.means[label], own.mean(dim=0))
        expected = torch.cov(own.T) + RIDGE * torch.eye(3)
        torch.testing.assert_close(gaussians.covariances[label], expected)
    assert not gaussians.covariances[2:].any()  # never shown, or without examples
    gaussians.factorise((0, 1))
    drawn = gaussians.draw(torch.ones(20_000, dtype=torch.long), stream(0, "draw"))
    torch.testing.assert_close(drawn.mean(dim=0), gaussians.means[1], atol=0.05, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), gaussians.covariances[1], atol=0.15, rtol=0)


def test_the_aligned_loss_divides_by_the_mean_length_of_each_tasks_scores():
    """Lengths 5 (of 3, 4) and 1 (of 1 alone): divided by 3, and by a temperature of a third."""
    scores = torch.tensor([[3.0, 4.0, 9.0, 1.0]])
    owners = torch.tensor([1, 1, 0, 2], dtype=torch.int16)
    loss = aligned_loss(scores, torch.tensor([3]), owners, temperature=1 / 3)
    expected = F.cross_entropy(torch.tensor([[3.0, 4.0, 1.0]]), torch.tensor([2]))
    torch.testing.assert_close(loss, expected)


class Identity(nn.Module):
    """A network whose features are its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(2, 2)
        self.head = nn.Linear(2, 4)
        with torch.no_grad():
            self.body.weight.copy_(torch.eye(2))
            self.body.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


def test_the_alignment_recovers_a_classifier_whose_new_scores_are_too_high():
    """Four classes in the corners of a square; biases let new ones outvote their neighbours."""
    corners = torch.tensor([[3.0, 3.0], [-3.0, 3.0], [-3.0, -3.0], [3.0, -3.0]])
    y = torch.arange(400) % 4
    x = corners[y] + 0.5 * torch.randn((400, 2), generator=stream(0, "noise"))
    config = SLCA.Config(slow=0, alignment_lr=0.5, per_class=64, alignment_epochs=20)
    method = SLCA(Identity(), config, Outlook(4, (2,)))

    def view(index: int, *classes: int) -> TaskView:
        own = torch.isin(y, torch.tensor(classes))
        return TaskView(
            index, classes, Examples(x[own], y[own]), None, lambda name: stream(index, name)
        )

    def accuracy() -> float:
        return float((method.predict(x, None).argmax(dim=1) == y).float().mean())

    method.begin_task(view(1, 0, 1))
    method.end_task(view(1, 0, 1))
    with torch.no_grad():
        method.network.head.weight.copy_(corners)
        method.network.head.bias.copy_(torch.tensor([0.0, 0.0, 30.0, 30.0]))
    assert accuracy() < 0.6
    train_task(method, view(2, 2, 3), Training(lr=1e-9), FlopMeter())
    assert accuracy() > 0.97


def test_the_alignment_trains_the_head_alone_on_as_many_features_of_every_class_seen():
    blobs = slca()
    (first,) = islice(snapshots(blobs), 1)
    method, view = blobs.restore(first.state, num_learned=1), blobs.view(2)
    method.begin_task(view)
    assert [phase.name for phase in method.phases(view)] == ["", ALIGNMENT]
    method.begin_phase(Phase(), view)
    assert all(p.requires_grad for p in method.network.parameters())
    phase = method.phases(view)[1]
    assert phase.training["batch_size"] == 8
    method.begin_phase(phase, view)
    learning = {name for name, p in method.network.named_parameters() if p.requires_grad}
    assert learning == {"head.weight", "head.bias"}
    drawn = method.examples(view)
    assert drawn.y.bincount().tolist() == [8, 8, 8, 8]
    assert drawn.x.numel() == 0


def test_storage_is_a_mean_and_a_covariance_of_each_class_and_the_task_of_each():
    *_, last = snapshots(slca())
    classes, features = 6, 12
    sizes = {n: t.numel() * t.element_size() for n, t in last.state.items() if "network" not in n}
    assert sizes == {
        "gaussians.means": 4 * classes * features,
        "gaussians.covariances": 4 * classes * features**2,
        "owners": 2 * classes,
    }
    assert last.state["owners"].tolist() == [1, 1, 2, 2, 3, 3]


def test_the_alignment_costs_what_it_draws_and_the_head_and_measures_the_task_once():
    def flops(**config: object) -> tuple[int, int]:
        blobs = slca(**config)
        (first,) = islice(snapshots(blobs), 1)
        method, meters = blobs.restore(first.state, num_learned=1), (FlopMeter(), FlopMeter())
        train_task(method, blobs.view(2), Training(batch_size=16), meters[0])
        meters[1].measure("end", method.end_task, blobs.view(2))
        return meters[0].total, meters[1].total

    (none, later), (once, done), (twice, _) = (flops(alignment_epochs=n) for n in (0, 1, 2))
    rows, classes, features = 4 * 8, 6, 12
    epoch = 2 * rows * (features**2 + 2 * features * classes)  # draws; the head, and its gradient
    assert twice - once == epoch
    assert done == 0
    factors = 4 * flops_of_cholesky(features)
    assert once - none == epoch + later + factors


def flops_of_cholesky(size: int) -> int:
    meter = FlopMeter()
    meter.measure("factor", torch.linalg.cholesky_ex, torch.eye(size).double())
    return meter.total


@pytest.mark.parametrize("wrong", [{"slow": 1.5}, {"per_class": 0}, {"temperature": 0}])
def test_hyperparameters_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        SLCA.Config(**wrong)


def test_mixtures_of_images_are_taken():
    blobs = slca()
    method = blobs.create_method()
    method.configure_loss(blobs.allowed_outputs(1))
    method.begin_task(blobs.view(1))
    batch = blobs.examples(1)
    mixed = replace(batch, other=batch.y.flip(0), share=torch.full((len(batch),), 0.7))
    assert method.loss(mixed).isfinite()

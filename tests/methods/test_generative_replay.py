"""Generative replay: its weights and labels, its generator, and its limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from methods.base import Config, Setting
from methods.finetune import Finetune
from methods.generative_replay import GenerativeReplay
from methods.testing.blobs import NUM_TASKS, Blobs
from methods.testing.conformance import assert_conforms
from methods.testing.snapshots import snapshots
from orchestrator.seeding import stream
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.learning.updates import make_optimizer

SMALL = {"hidden": (24,), "latent_size": 4}


def replay(scenario="class", **config):
    return Blobs(GenerativeReplay, GenerativeReplay.Config(**{**SMALL, **config}), scenario)


def begin_task(index=2, scenario="class", **config):
    """A method that has met the tasks before `index` and begun that one, and its view of it."""
    blobs = replay(scenario, **config)
    earlier = list(snapshots(blobs))
    method = blobs.restore(earlier[index - 2].state, index - 1)
    view = blobs.view(index)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


@pytest.mark.parametrize("index", [2, 3])
def test_the_loss_weighs_current_and_drawn_images_by_one_in_t(index):
    method, view = begin_task(index)
    batch = view.examples[:10]
    actual = method.loss(batch)
    values = method._lesson.replayed
    assert len(values) == 10
    parts = method.task_loss(batch), method.replay_loss(values)
    assert torch.allclose(actual, parts[0] / index + (1 - 1 / index) * parts[1])


def test_hard_labels_are_the_old_solvers_best_among_outputs_seen():
    method, view = begin_task(3)
    old = replay().restore(list(snapshots(replay()))[1].state, 2).network.eval()
    method.loss(view.examples[:10])
    values = method._lesson.replayed
    # Outputs 0..3 are seen; 4 and 5 are the task's own and compete, but label nothing drawn.
    target = old(values.x)[:, :4].argmax(dim=1)
    expected = F.cross_entropy(method.network(values.x), target)
    assert torch.allclose(method.replay_loss(values), expected)


def test_soft_labels_are_the_old_solvers_probabilities_at_a_temperature():
    method, view = begin_task(3, labels="soft", temperature=2.0)
    old = replay().restore(list(snapshots(replay(labels="soft")))[1].state, 2).network.eval()
    method.loss(view.examples[:10])
    values = method._lesson.replayed
    target = F.pad((old(values.x)[:, :4] / 2).softmax(dim=1), (0, 2))
    expected = F.cross_entropy(method.network(values.x) / 2, target)
    assert torch.allclose(method.replay_loss(values), expected)
    (gradient,) = torch.autograd.grad(method.replay_loss(values), [method.network.head.bias])
    assert gradient.isfinite().all()


def test_told_the_task_every_earlier_task_is_rehearsed_among_its_own_outputs():
    method, view = begin_task(3, scenario="task")
    old = replay("task").restore(list(snapshots(replay("task")))[1].state, 2).network.eval()
    method.loss(view.examples[:10])
    values = method._lesson.replayed
    now, before = method.network(values.x), old(values.x)
    each = [
        F.cross_entropy(now[:, own], before[:, own].argmax(dim=1))
        for own in (slice(0, 2), slice(2, 4))
    ]
    assert torch.allclose(method.replay_loss(values), (each[0] + each[1]) / 2)


@pytest.mark.parametrize("labels", ["hard", "soft"])
def test_where_tasks_share_their_outputs_all_of_them_compete(labels):
    method, view = begin_task(2, scenario="domain", labels=labels)
    assert method.loss(view.examples[:10]).isfinite()
    assert method._lesson.groups.tolist() == [[True, True]]


def test_conditional_images_are_labelled_by_construction_and_evenly():
    method, _ = begin_task(3, conditional=True)
    samples = method.draw(4000)
    shares = samples.y.bincount(minlength=6) / 4000
    assert torch.allclose(shares, torch.tensor([0.25] * 4 + [0.0] * 2), atol=0.03)
    expected = F.cross_entropy(method.network(samples.x), samples.y)
    assert torch.allclose(method.replay_loss(samples), expected)


def test_conditional_images_compete_within_their_labels_task_where_it_is_told():
    method, _ = begin_task(3, scenario="task", conditional=True)
    samples = method.draw(10)
    expected = F.cross_entropy(method.mask_logits(method.network(samples.x), samples.y), samples.y)
    assert torch.allclose(method.replay_loss(samples), expected)


def test_the_generator_takes_one_step_after_the_solvers_on_the_same_images():
    method, view = begin_task(3)
    batch = view.examples[:10]
    method.loss(batch)
    values, student = method._lesson.replayed, method._lesson.generator
    noise, size = view.stream("generator"), method.config.latent_size
    losses = [
        student.loss(e.x, e.y, torch.randn((10, size), generator=noise)) for e in (batch, values)
    ]
    expected = torch.autograd.grad(losses[0] / 3 + losses[1] * 2 / 3, list(student.parameters()))
    before = [p.detach().clone() for p in student.parameters()]
    method.after_step(batch)
    for p, was, gradient in zip(student.parameters(), before, expected, strict=True):
        assert torch.allclose(p.grad, gradient, atol=1e-5)
        moved = (p - was).abs()
        assert moved.max() <= method.config.generator_lr * 1.01
        assert moved.max() > 0


def test_images_are_drawn_by_the_generator_of_the_task_before_until_the_task_ends():
    method, view = begin_task(2)
    kept = {n: t.clone() for n, t in method.generator.state_dict().items()}
    for _ in range(3):
        method.loss(view.examples[:10])
        method.after_step(view.examples[:10])
    assert all(torch.equal(t, method.generator.state_dict()[n]) for n, t in kept.items())
    student = method._lesson.generator
    method.end_task(view)
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, method.generator.state_dict()[name])
        assert not torch.equal(tensor, kept[name])


def test_the_generator_goes_on_learning_in_later_tasks():
    blobs = replace(replay(generator_lr=0.01), epochs=15)
    first, second, _ = snapshots(blobs)
    noise = torch.randn((48, 4), generator=stream(0, "noise"))
    task = blobs.examples(2)
    bounds = [
        float(blobs.restore(s.state, s.after).generator.loss(task.x, task.y, noise))
        for s in (first, second)
    ]
    # What even perfect pixels cost, since they are grey.
    pixels = (task.x / 255).flatten(1)
    floor = float(F.binary_cross_entropy(pixels, pixels, reduction="sum")) / len(task)
    assert bounds[1] - floor < 0.7 * (bounds[0] - floor)


def test_the_learners_optimiser_leaves_the_generator_alone():
    method, _ = begin_task(2)
    optimizer = make_optimizer(method, Training())
    (group,) = optimizer.param_groups
    assert {id(p) for p in group["params"]} == {id(p) for p in method.network.parameters()}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_the_first_task_is_fine_tuning(scenario, conditional):
    plain = next(snapshots(Blobs(Finetune, Config(), scenario))).state
    first = next(snapshots(replay(scenario, conditional=conditional))).state
    assert all(torch.equal(tensor, first[name]) for name, tensor in plain.items())


def test_outputs_seen_are_noted_task_by_task():
    for snapshot in snapshots(replay()):
        seen = 2 * snapshot.after
        assert snapshot.state["seen"].tolist() == [True] * seen + [False] * (6 - seen)


def accuracy(blobs):
    """Mean accuracy over all tasks after the last."""
    *_, last = snapshots(replace(blobs, epochs=25))
    right = [
        (last.scores[t].argmax(dim=1) == blobs.examples(t).y).float().mean()
        for t in range(1, NUM_TASKS + 1)
    ]
    return float(torch.stack(right).mean())


@pytest.mark.parametrize("conditional", [False, pytest.param(True, marks=pytest.mark.variant)])
def test_it_remembers_what_fine_tuning_forgets(conditional):
    forgetful = accuracy(Blobs(Finetune, Config(), "class"))
    assert accuracy(replay(conditional=conditional, generator_lr=0.01)) > forgetful + 0.25


@pytest.mark.variant
@pytest.mark.parametrize(
    ("conditional", "scenario"), [(False, "domain"), (True, "task"), (True, "class")]
)
def test_soft_and_conditional_variants_keep_the_contract(conditional, scenario):
    config = GenerativeReplay.Config(labels="soft", conditional=conditional, **SMALL)
    assert_conforms(GenerativeReplay, config, scenario)


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"temperature": 0.0}, "temperature must be above 0 and finite, given 0.0"),
        ({"hidden": ()}, r"hidden must be widths of at least 1, given \(\)"),
        ({"hidden": (4, 0)}, r"hidden must be widths of at least 1, given \(4, 0\)"),
        ({"latent_size": 0}, "latent_size must be at least 1, given 0"),
        ({"generator_lr": 0.0}, "generator_lr must be above 0 and finite, given 0.0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        GenerativeReplay.Config(**config)


@pytest.mark.parametrize(("shape", "version"), [((1, 8, 8), 1), ((64,), 2)])
def test_stages_on_images_are_those_of_version_1(shape, version):
    assert GenerativeReplay.version_in(Setting("class", 10, shape, "mlp")) == version

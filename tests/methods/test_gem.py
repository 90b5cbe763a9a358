"""Gradient episodic memory: the quadratic programme, the projection, and when nothing is done."""

from __future__ import annotations

from itertools import chain, combinations, islice

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

import methods.gem
from methods.base import Config, Outlook
from methods.finetune import Finetune
from methods.gem import GEM
from methods.parts.episodic import multipliers
from methods.testing.blobs import IMAGE, Blobs
from methods.testing.snapshots import snapshots
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task

# SmallNetwork in the class scenario, 16-12-6: parameters, and FLOPs of a forward and backward pass
# of an example: no gradient is taken of the image.
PARAMETERS = 16 * 12 + 12 + 12 * 6 + 6
FLOPS = 2 * (2 * 16 * 12 + 3 * 12 * 6)


def gem(scenario="class", **config):
    return Blobs(GEM, GEM.Config(**config), scenario)


def problems(count=60):
    """Random gradients g [P] and G [K, P] of which at least one makes an obtuse angle with g."""
    random = np.random.default_rng(0)
    while count:
        tasks = int(random.integers(1, 6))
        g, past = random.normal(size=12), random.normal(size=(tasks, 12))
        if (past @ g < 0).any():
            count -= 1
            yield g, past


def brute_force(g, past, margin, ridge):
    """The best v over all choices of which multipliers lie on their bound."""
    tasks = len(past)
    quadratic, linear = past @ past.T + ridge * np.eye(tasks), past @ g
    best, least = None, np.inf
    for bound in chain.from_iterable(combinations(range(tasks), n) for n in range(tasks + 1)):
        free = [k for k in range(tasks) if k not in bound]
        v = np.full(tasks, float(margin))
        if free:
            pull = linear[free] + quadratic[np.ix_(free, bound)] @ v[list(bound)]
            v[free] = np.linalg.solve(quadratic[np.ix_(free, free)], -pull)
        value = v @ quadratic @ v / 2 + linear @ v
        if (v >= margin - 1e-12).all() and value < least:
            best, least = v, value
    return best


@pytest.mark.parametrize("ridge", [1e-3, 1.0])
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_the_multipliers_are_those_of_brute_force(margin, ridge):
    for g, past in problems():
        weights = multipliers(past @ past.T, past @ g, margin, ridge)
        assert np.allclose(weights, brute_force(g, past, margin, ridge), atol=1e-9)


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_the_multipliers_are_those_of_the_programme_in_the_space_of_gradients(margin):
    """With w = v - margin, the programme is min ||(G^T; sqrt(ridge) I) w + ...||^2, w >= 0."""
    for g, past in problems():
        tall = np.concatenate((past.T, np.sqrt(1e-3) * np.eye(len(past))))
        offset = np.concatenate((g, np.zeros(len(past)))) + margin * tall.sum(axis=1)
        expected = nnls(tall, -offset)[0] + margin
        assert np.allclose(multipliers(past @ past.T, past @ g, margin, 1e-3), expected, atol=1e-7)


def test_without_margin_the_gradient_found_is_the_nearest_that_raises_no_past_loss():
    random = np.random.default_rng(1)
    for g, past in problems():
        actual = g + multipliers(past @ past.T, past @ g, 0.0, 1e-12) @ past
        assert (past @ actual >= -1e-9).all()
        distance = np.linalg.norm(actual - g)
        for step in random.normal(size=(200, len(g))):
            other = actual + 0.1 * step
            if (past @ other >= 0).all():
                assert np.linalg.norm(other - g) >= distance - 1e-9


def begin_task_after_others(blobs, index=3):
    """A method within task `index`, before its first step, and a batch."""
    method = blobs.create_method()
    if index > 1:
        *_, last = islice(snapshots(blobs), index - 1)
        method = blobs.restore(last.state, num_learned=index - 1)
    view = blobs.view(index)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view.examples[10:30]


def gradients(method, batch):
    """The gradients of the batch and of each past task's memory, in double precision."""

    def gradient(loss):
        actual = torch.autograd.grad(loss, list(method.network.parameters()))
        return torch.cat([t.flatten() for t in actual]).double().numpy()

    past = [gradient(method.task_loss(method.memory[span])) for span in method.memory.spans]
    return gradient(method.task_loss(batch)), np.stack(past)


def after_projection(method, batch):
    method.loss(batch).backward()
    method.after_backward()
    return torch.cat([p.grad.flatten() for p in method.network.parameters()]).double().numpy()


@pytest.mark.parametrize(("margin", "strength"), [(0.0, 1.0), (0.5, 1.0), (0.5, 0.25)])
def test_a_step_s_gradient_is_the_projection_of_the_batch_s(margin, strength):
    method, batch = begin_task_after_others(gem(memory_size=40, margin=margin, strength=strength))
    g, past = gradients(method, batch)
    assert len(past) == 2
    assert (past @ g < 0).any()
    expected = g + strength * brute_force(g, past, margin, 1e-3) @ past
    actual = after_projection(method, batch)
    assert np.allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_without_margin_a_step_raises_no_past_loss():
    method, batch = begin_task_after_others(gem(memory_size=40, margin=0, ridge=1e-12))
    _, past = gradients(method, batch)
    actual = after_projection(method, batch)
    bound = 1e-5 * np.linalg.norm(past, axis=1) * np.linalg.norm(actual)
    assert (past @ actual >= -bound).all()


def test_without_a_violation_a_step_keeps_the_batch_s_gradient_to_the_last_bit():
    method, _ = begin_task_after_others(gem(memory_size=40))
    batch = method.memory[: method.memory.past]
    g, past = gradients(method, batch)
    assert (past @ g >= 0).all()
    method.task_loss(batch).backward()
    plain = [p.grad.clone() for p in method.network.parameters()]
    method.network.zero_grad(set_to_none=True)
    method.loss(batch).backward()
    method.after_backward()
    assert all(map(torch.equal, plain, (p.grad for p in method.network.parameters())))


class SameAgain(Blobs):
    """Every task is the first one."""

    def examples(self, index):
        return super().examples(1)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_with_no_violation_it_is_fine_tuning_bit_for_bit(monkeypatch, batch_norm):
    """All tasks are one, so that no step of this run raises the loss of a past task."""
    solved = []
    monkeypatch.setattr(methods.gem, "multipliers", lambda *given: solved.append(given))
    plain = snapshots(SameAgain(Finetune, Config(), "domain", batch_norm))
    guarded = snapshots(SameAgain(GEM, GEM.Config(), "domain", batch_norm))
    names = list(dict(SameAgain(GEM, GEM.Config(), "domain").create_method().named_parameters()))
    for one, other in zip(plain, guarded, strict=True):
        assert all(torch.equal(one.state[name], other.state[name]) for name in names)
    assert solved == []


def test_one_task_alone_is_fine_tuning_bit_for_bit():
    first = next(snapshots(Blobs(Finetune, Config(), "class")))
    second = next(snapshots(gem(margin=3.0)))
    assert all(torch.equal(t, second.state[name]) for name, t in first.state.items())


def test_a_violated_constraint_keeps_the_loss_of_the_past_lower():
    losses = {}
    for method, config in ((Finetune, Config()), (GEM, GEM.Config(memory_size=40, margin=0.5))):
        blobs = Blobs(method, config, "class", epochs=15)
        *_, last = snapshots(blobs)
        score = torch.nn.functional.cross_entropy(last.scores[1], blobs.examples(1).y)
        losses[method] = float(score)
    assert losses[GEM] < losses[Finetune] / 2


def test_gradients_that_are_not_finite_are_left_to_the_learner():
    method, batch = begin_task_after_others(gem(memory_size=40))
    with torch.no_grad():
        method.network.head.weight.fill_(float("nan"))
    assert np.isnan(after_projection(method, batch)).any()


@pytest.mark.parametrize(("memory_size", "counts"), [(30, [10, 10, 10]), (1000, [48, 48, 48])])
def test_storage_is_the_examples_of_each_task_and_their_counts(memory_size, counts):
    *_, last = snapshots(gem(memory_size=memory_size))
    assert last.state["memory.counts"].tolist() == counts
    assert storage_bytes(last.state, GEM.storage)["buffer"] == sum(counts) * (16 + 1) + 3 * 8


def test_flops_are_those_of_the_batch_of_every_past_example_and_of_their_products():
    blobs = gem(memory_size=30)
    method, _ = begin_task_after_others(blobs, index=3)
    method = blobs.restore(list(islice(snapshots(blobs), 2))[-1].state, num_learned=2)
    meter = FlopMeter()
    train_task(method, blobs.view(3), Training(batch_size=16, lr=0.01), meter)
    products = 2 * 3 * 3 * PARAMETERS
    assert meter.total == 3 * ((16 + 20) * FLOPS + products)


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"margin": -0.1}, "margin must be at least 0 and finite, given -0.1"),
        ({"ridge": 0.0}, "ridge must be above 0 and finite, given 0.0"),
        ({"strength": 1.5}, r"strength must be in \[0, 1\], given 1.5"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        GEM.Config(**config)


def test_a_network_with_parameters_that_have_no_gradient_is_left_alone_there():
    network = gem().create_method().network
    network.body.weight.requires_grad_(False)
    method = GEM(network, GEM.Config(memory_size=40), Outlook(6, IMAGE))
    for index in (1, 2):
        train_task(method, gem().view(index), Training(batch_size=20, lr=0.01), FlopMeter())
        method.end_task(gem().view(index))
    assert network.body.weight.grad is None


def test_batch_normalisation_also_counts_the_examples_of_each_past_task():
    blobs = Blobs(GEM, GEM.Config(memory_size=30), "class", batch_norm=True)
    *_, last = islice(snapshots(blobs), 2)
    method, view = blobs.restore(last.state, num_learned=2), blobs.view(3)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    tracked = int(method.network.norm.num_batches_tracked)
    method.loss(view.examples[:12]).backward()
    method.after_backward()
    assert int(method.network.norm.num_batches_tracked) == tracked + 1 + 2

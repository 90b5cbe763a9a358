"""Learning without Forgetting: what the teacher says, about which classes, and how it counts."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from methods.lwf import LwF
from methods.parts.distillation import divergence, groups
from methods.testing.blobs import Blobs
from methods.testing.equality import copy_state
from methods.testing.snapshots import snapshots
from orchestrator.seeding import stream
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task

SCENARIOS = ["task", "domain", "class"]


def rand(*shape):
    return 3 * torch.randn(shape, generator=stream(0, "logits"))


def old(*classes, num=6):
    return torch.tensor([c in classes for c in range(num)])


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_divergence_is_the_sum_over_groups_of_torchs(temperature):
    teacher, student = rand(2, 9, 6)
    value = divergence(teacher, student, torch.stack((old(0, 1), old(3, 4, 5))), temperature)
    expected = sum(
        F.kl_div(
            (student[:, part] / temperature).log_softmax(1),
            (teacher[:, part] / temperature).softmax(1),
            reduction="batchmean",
        )
        for part in (slice(0, 2), slice(3, 6))
    )
    assert torch.allclose(value, expected)
    assert divergence(teacher, teacher, old(0, 1).unsqueeze(0), temperature) == 0


def test_two_classes_by_hand():
    # At T = 2 the teacher says 3/4 : 1/4, the student 1/2 : 1/2.
    teacher = torch.tensor([[2 * torch.tensor(3.0).log(), 0.0]])
    value = divergence(teacher, torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), 2.0)
    expected = 0.75 * torch.tensor(1.5).log() + 0.25 * torch.tensor(0.5).log()
    assert torch.allclose(value, expected)


def test_new_classes_are_neither_asked_about_nor_changed_by_the_answer():
    teacher, student = rand(2, 9, 6)
    student.requires_grad_()
    divergence(teacher, student, old(0, 1, 2, 3).unsqueeze(0), 2.0).backward()
    assert (student.grad[:, :4] != 0).all()
    assert (student.grad[:, 4:] == 0).all()
    teacher[:, 4:] += 100
    louder = divergence(teacher, student, old(0, 1, 2, 3).unsqueeze(0), 2.0)
    teacher[:, 4:] -= 200
    assert torch.equal(louder, divergence(teacher, student, old(0, 1, 2, 3).unsqueeze(0), 2.0))


def table(scenario, index):
    return Blobs(LwF, LwF.Config(), scenario).allowed_outputs(index)


@pytest.mark.parametrize(
    ("allowed", "seen", "expected"),
    [
        (table("task", 3), old(0, 1, 2, 3), [[0, 1], [2, 3]]),
        (table("class", 3), old(0, 1, 2, 3), [[0, 1, 2, 3]]),
        (table("domain", 3), old(0, 1, num=2), [[0, 1]]),
        (None, old(0, 1, 2, 3), [[0, 1, 2, 3]]),
    ],
    ids=["a softmax a task", "one of all old classes", "one of all classes", "no table"],
)
def test_old_classes_are_grouped_as_they_compete(allowed, seen, expected):
    actual = [group.nonzero().flatten().tolist() for group in groups(seen, allowed)]
    assert sorted(actual) == expected


def after_first_task(scenario="class", batch_norm=False, **config):
    """A method that has met task 1 and begun task 2."""
    blobs = Blobs(LwF, LwF.Config(**config), scenario, batch_norm=batch_norm)
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    view = blobs.view(2)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


@pytest.mark.parametrize("scale_by_temperature", [False, True])
def test_the_loss_is_the_tasks_plus_lam_times_the_divergence(scale_by_temperature):
    config = {"lam": 3.0, "temperature": 4.0, "scale_by_temperature": scale_by_temperature}
    method, view = after_first_task(**config)
    batch = view.examples[:10]
    with torch.no_grad():
        for p in method.network.parameters():
            p.mul_(1.5)
        kept = divergence(
            method.teacher(batch.x), method.network(batch.x), old(0, 1).unsqueeze(0), 4.0
        )
        added = method.loss(batch) - method.task_loss(batch)
    assert kept > 0
    factor = 3.0 * (16 if scale_by_temperature else 1)
    assert added.item() == pytest.approx(factor * kept.item(), rel=1e-4)


def test_the_papers_temperature_and_no_further_factor_are_the_defaults():
    assert (LwF.Config().temperature, LwF.Config().scale_by_temperature) == (2.0, False)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_teacher_is_the_network_as_the_last_task_left_it_and_is_not_carried(scenario):
    method, view = after_first_task(scenario, batch_norm=True)
    before = {n: t.clone() for n, t in method.network.state_dict().items()}
    for _ in range(3):
        method.loss(view.examples)  # moves the running statistics of the network
    teacher = method.teacher.module.state_dict()
    assert all(torch.equal(t, before[n]) for n, t in teacher.items())
    assert not torch.equal(method.network.norm.running_mean, before["norm.running_mean"])
    assert {n.split(".")[0] for n in method.state_dict()} == {"network", "old_classes"}
    method.end_task(view)
    assert method.teacher is None


def test_the_teacher_neither_learns_nor_counts_batches():
    method, view = after_first_task(batch_norm=True)
    before = {n: t.clone() for n, t in method.teacher.module.state_dict().items()}
    assert not any(m.training for m in method.teacher.module.modules())
    assert all(m.training for m in method.network.modules())
    method.loss(view.examples[:10]).backward()
    assert all(torch.equal(t, before[n]) for n, t in method.teacher.module.state_dict().items())
    assert not any(
        p.requires_grad or p.grad is not None for p in method.teacher.module.parameters()
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_classes_of_tasks_met_are_remembered(scenario):
    blobs = Blobs(LwF, LwF.Config(), scenario)
    for after, snapshot in enumerate(snapshots(blobs), start=1):
        met = {c for task in range(1, after + 1) for c in blobs.classes(task)}
        assert set(snapshot.state["old_classes"].nonzero().flatten().tolist()) == met


def test_the_teacher_costs_one_forward_pass_a_step():
    method, view = after_first_task(lam=0.0)
    assert method.step_kind() is False
    method, view = after_first_task()
    assert method.step_kind() is True
    calls = []
    method.teacher.module.register_forward_hook(lambda *_: calls.append(1))
    method.loss(view.examples[:10])
    method.loss(view.examples[:10])
    assert len(calls) == 2, "the teacher answers anew for each batch"


def test_a_heavier_weight_keeps_the_old_answers_better():
    kept = []
    for lam in (0.0, 1.0, 100.0):
        first, second = list(snapshots(Blobs(LwF, LwF.Config(lam=lam), "task", epochs=15)))[:2]
        pair = [s.scores[2][:, :2] for s in (first, second)]  # of the images it trained on
        kept.append(divergence(*pair, torch.ones(1, 2, dtype=torch.bool), 2.0).item())
    assert kept[0] > 2 * kept[1] > 4 * kept[2]


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"lam": -1.0}, "lam must be at least 0 and finite, given -1.0"),
        ({"temperature": 0.0}, "temperature must be above 0 and finite, given 0.0"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(config, story):
    with pytest.raises(ValueError, match=story):
        LwF.Config(**config)


def in_task(index, scenario="class", **config):
    """The method in a task, as it begins, with weights moved since."""
    blobs = Blobs(LwF, LwF.Config(**config), scenario, epochs=1)
    *_, last = islice(snapshots(blobs), index - 1)
    method = blobs.restore(last.state, num_learned=index - 1)
    method.configure_loss(blobs.allowed_outputs(index))
    method.begin_task(blobs.view(index))
    with torch.no_grad():
        for p in method.network.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=stream(0, index, "move")))
    return method, blobs.examples(index)


@pytest.mark.parametrize(("index", "tasks"), [(2, 1), (3, 2)])
def test_the_divergence_can_be_weighted_by_the_number_of_tasks_before(index, tasks):
    method, batch = in_task(index, scale_by_tasks=True, lam=0.5)
    plain, _ = in_task(index, lam=0.5)
    own = plain.task_loss(batch)
    torch.testing.assert_close(method.loss(batch), own + tasks * (plain.loss(batch) - own))


def test_distilled_over_all_outputs_the_new_ones_of_the_teacher_count_too():
    method, batch = in_task(2, distil_over="all", temperature=1.0)
    target, own = (n(batch.x)[:, :4] for n in (method.teacher, method.network))
    kept = F.kl_div(own.log_softmax(1), target.softmax(1), reduction="batchmean")
    torch.testing.assert_close(method.loss(batch), method.task_loss(batch) + kept)
    each, batch = in_task(2, "task", distil_over="all")
    same, _ = in_task(2, "task")
    torch.testing.assert_close(each.loss(batch), same.loss(batch))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_in_a_warm_up_new_outputs_learn_and_nothing_else_moves(batch_norm):
    blobs = Blobs(LwF, LwF.Config(warm_up_epochs=2), "class", batch_norm, epochs=1)
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    task, moved = blobs.view(2), {}
    begin = method.begin_phase

    def note(phase, view):
        moved[phase.name] = copy_state(method.network.state_dict())
        begin(phase, view)

    method.begin_phase = note
    train_task(method, task, Training(batch_size=16, lr=0.01, weight_decay=0.1), FlopMeter())
    start, after = moved["warm-up"], moved[""]
    for name, before in start.items():
        new = torch.zeros(len(before), dtype=torch.bool) if before.dim() else torch.zeros(())
        if name.startswith("head"):
            new[[2, 3]] = True
            assert (after[name][[2, 3]] != before[[2, 3]]).any()
        assert torch.equal(
            after[name][~new] if before.dim() else after[name],
            before[~new] if before.dim() else before,
        ), name
    assert all(p.requires_grad for p in method.network.parameters())
    assert not torch.equal(method.network.body.weight, after["body.weight"])


def test_where_no_output_is_new_there_is_no_warm_up():
    method, _ = in_task(2, "domain", warm_up_epochs=2)
    assert len(method.phases(Blobs(LwF, LwF.Config(), "domain").view(2))) == 1
    with pytest.raises(ValueError, match="no linear layer named head"):
        LwF(torch.nn.Linear(2, 2), LwF.Config(warm_up_epochs=1), method.outlook)

"""iCaRL: herding, exemplars, the binary losses, the nearest mean."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from methods.base import Examples, Outlook
from methods.icarl import ICaRL
from methods.parts.exemplars import herd, representations
from methods.testing.blobs import IMAGE, NUM_TASKS, Blobs, stream
from methods.testing.snapshots import snapshots
from orchestrator.stages.code.built_ins import built_in_bases
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.learning.learner import Training, train_task

FLOPS = 2 * (2 * 16 * 12 + 3 * 12 * 6)
FORWARD = 2 * (16 * 12 + 12 * 6)


def icarl(scenario="class", batch_norm=False, **config):
    return Blobs(ICaRL, ICaRL.Config(**config), scenario, batch_norm)


def brute_force(features, count):
    """The indices herding chooses, from its definition, one candidate after the other."""
    mean, chosen = features.mean(axis=0), []
    for k in range(1, min(count, len(features)) + 1):
        distances = {}
        for i in set(range(len(features))) - set(chosen):
            average = (features[i] + features[chosen].sum(axis=0)) / k
            distances[i] = np.linalg.norm(mean - average)
        chosen.append(min(distances, key=distances.get))
    return chosen


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("count", [1, 7, 25, 100])
def test_herding_chooses_what_its_definition_does(count, unit):
    features = torch.randn((25, 6), generator=stream(0, "features"), dtype=torch.float64)
    features = F.normalize(features) if unit else features
    assert herd(features, count).tolist() == brute_force(features.numpy(), count)


def test_herding_by_hand():
    """The mean is 2: 2 itself comes first, then those whose average with it stays nearest to 2."""
    values = torch.tensor([[0.0], [2.0], [5.0], [1.0]])
    assert values.mean() == 2
    assert herd(values, 4).tolist() == [1, 3, 2, 0]


def test_herded_examples_have_a_mean_nearer_to_the_class_s_than_random_ones():
    features = F.normalize(torch.randn((200, 8), generator=stream(0, "features")))
    chosen = (features[herd(features, 10)].mean(dim=0) - features.mean(dim=0)).norm()
    random = (features[:10].mean(dim=0) - features.mean(dim=0)).norm()
    assert chosen < random / 2


@pytest.mark.parametrize("batch_norm", [False, True])
def test_exemplars_are_herded_per_class_and_those_chosen_first_stay(batch_norm):
    blobs = icarl(memory_size=20, batch_norm=batch_norm)
    states = [snapshot.state for snapshot in snapshots(blobs)]
    for after, share in ((1, 10), (2, 5), (3, 3)):
        state = states[after - 1]
        for label in range(2 * after):
            values = state["memory.x"][state["memory.y"] == label]
            when_chosen = states[label // 2]
            chosen = when_chosen["memory.x"][when_chosen["memory.y"] == label]
            assert len(values) in (share, share + 1)
            assert torch.equal(values, chosen[: len(values)])


def test_new_exemplars_are_those_herding_chooses_of_the_normalised_representations():
    blobs = icarl(memory_size=20)
    state = next(snapshots(blobs)).state
    method = blobs.restore(state, num_learned=1)
    examples = blobs.examples(1)
    for label in (0, 1):
        own = examples[examples.y == label]
        hidden = method.network.body(own.x.flatten(1).float() / 255).relu()
        features = hidden / hidden.norm(dim=1, keepdim=True)
        chosen = own.x[brute_force(features.detach().double().numpy(), 10)]
        assert torch.equal(state["memory.x"][state["memory.y"] == label], chosen)


def test_the_score_is_minus_the_squared_distance_to_the_mean_of_exemplars():
    blobs = icarl(memory_size=20)
    *_, second = islice(snapshots(blobs), 2)
    method, state = blobs.restore(second.state, num_learned=2), second.state
    features = representations(method.network, state["memory.x"]).detach()
    x = blobs.examples(1).x
    features_of_all = representations(method.network, x).detach()
    scores = method.predict(x, None)
    for label in range(4):
        mean = features[state["memory.y"] == label].mean(dim=0)
        mean = mean / mean.norm()
        assert torch.allclose(
            scores[:, label], -((features_of_all - mean) ** 2).sum(dim=1), atol=1e-5
        )
    assert (scores[:, 4:] == -5).all()
    assert (scores[:, :4] >= -4).all()


def within_task(blobs, index):
    method = blobs.create_method()
    if index > 1:
        *_, last = islice(snapshots(blobs), index - 1)
        method = blobs.restore(last.state, num_learned=index - 1)
    view = blobs.view(index)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


def entropy(target, logit):
    """- wanted log(sigmoid) - (1 - wanted) log(1 - sigmoid)."""
    yes = torch.sigmoid(logit)
    return -target * yes.log() - (1 - target) * (1 - yes).log()


@pytest.mark.parametrize("scenario", ["class", "task"])
def test_new_outputs_learn_labels_and_old_ones_keep_their_answers(scenario):
    blobs = icarl(scenario, memory_size=20)
    method, view = within_task(blobs, 2)
    old = blobs.restore(next(snapshots(blobs)).state, num_learned=1).network
    with torch.no_grad():
        for p in method.network.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=stream(0, "move")))
    examples = method.examples(view)
    batch = Examples(torch.cat((examples.x[:5], examples.x[-5:])), torch.tensor([2] * 5 + [0] * 5))
    logits, answers = method.network(batch.x), torch.sigmoid(old(batch.x))
    total = torch.zeros(())
    for i in range(10):
        own = {0: (0, 1), 2: (2, 3)}[int(batch.y[i])]
        for c in range(4) if scenario == "class" else own:
            target = answers[i, c] if c < 2 else torch.tensor(float(batch.y[i] == c))
            total = total + entropy(target, logits[i, c])
    assert torch.allclose(method.loss(batch), total / 10, rtol=1e-5)


def test_the_first_task_has_nothing_to_keep():
    method, view = within_task(icarl(), 1)
    batch = view.examples[20:30]
    target = F.one_hot(batch.y, 2).float()
    expected = entropy(target, method.network(batch.x)[:, :2]).sum() / 10
    assert torch.allclose(method.loss(batch), expected, rtol=1e-5)
    assert torch.equal(method.examples(view).y, view.examples.y)


@pytest.mark.parametrize("passes", [1, 3])
def test_a_task_is_trained_on_its_examples_and_all_exemplars(passes):
    blobs = icarl(memory_size=20, exemplar_passes=passes)
    method, view = within_task(blobs, 2)
    shown = method.examples(view)
    assert len(shown) == 48 + 20 * passes
    assert torch.equal(shown.x[:48], view.examples.x)
    values = method.memory.x
    assert torch.equal(shown.x[48:].flatten(1), values.repeat(passes, 1, 1, 1).flatten(1))
    assert train_task(
        method, view, Training(batch_size=16, epochs=2), FlopMeter()
    ).samples == 2 * len(shown)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_teacher_is_in_evaluation_mode_learns_nothing_and_is_not_carried(batch_norm):
    blobs = icarl(batch_norm=batch_norm)
    method, view = within_task(blobs, 2)
    train_task(method, view, Training(batch_size=16, lr=0.01), FlopMeter())
    teacher = method.teacher.module
    first = next(snapshots(blobs)).state
    assert not any(module.training for module in teacher.modules())
    assert all(torch.equal(t, first[f"network.{n}"]) for n, t in teacher.state_dict().items())
    assert {n.split(".")[0] for n in method.state_dict()} == {"network", "memory", "means"}
    method.end_task(view)
    assert method.teacher is None


def test_it_remembers_what_it_learned():
    blobs = Blobs(ICaRL, ICaRL.Config(memory_size=100), "class", epochs=15)
    *_, last = snapshots(blobs)
    right = [
        (last.scores[t].argmax(dim=1) == blobs.examples(t).y).float().mean()
        for t in range(1, NUM_TASKS + 1)
    ]
    assert float(torch.stack(right).mean()) > 0.9


def test_storage_is_the_exemplars_and_the_means():
    *_, last = snapshots(icarl(memory_size=20))
    assert storage_bytes(last.state, ICaRL.storage)["buffer"] == 20 * (16 + 1) + 6 * 12 * 4


def test_flops_are_those_of_a_step_and_a_forward_pass_of_the_teacher():
    method, view = within_task(icarl(memory_size=16, exemplar_passes=1), 2)
    meter = FlopMeter()
    train_task(method, view, Training(batch_size=16, lr=0.01), meter)
    assert meter.total == 64 * (FLOPS + FORWARD)


def test_a_network_without_a_head_is_told_what_to_do():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 6))
    with pytest.raises(ValueError, match=r"no linear layer named head.*name the output layer head"):
        ICaRL(network, ICaRL.Config(), Outlook(6, IMAGE))


def test_exemplar_passes_below_one_are_refused():
    with pytest.raises(ValueError, match="exemplar_passes must be at least 1"):
        ICaRL.Config(exemplar_passes=0)


@pytest.mark.parametrize(("scenario", "kept"), [("class", True), ("task", False)])
def test_under_the_mask_of_the_current_task_new_images_keep_old_answers_unless_told(scenario, kept):
    """With that mask the table of outputs that compete is the one of told tasks."""
    blobs = icarl(memory_size=20)
    *_, last = islice(snapshots(blobs), 1)
    method = blobs.restore(last.state, num_learned=1)
    own_task = replace(blobs, scenario="task").allowed_outputs(2)
    method.configure_loss(own_task)
    method.begin_task(replace(blobs.view(2), allowed=own_task, scenario=scenario))
    logits = method.network(blobs.examples(2).x)
    logits.retain_grad()
    method.network.forward = lambda x: logits
    method.loss(blobs.examples(2)).backward()
    teacher = method.teacher(blobs.examples(2).x).sigmoid()
    rows = len(logits)
    pull = (logits.sigmoid() - teacher)[:, :2] / rows if kept else torch.zeros(rows, 2)
    torch.testing.assert_close(logits.grad[:, :2], pull)
    assert logits.grad[:, 2:4].abs().min() > 0
    assert not logits.grad[:, 4:].any()


def test_own_code_that_extends_icarl_is_keyed_by_icarl_alone():
    class Own(ICaRL):
        pass

    assert built_in_bases(Own) == ["icarl/2"]


def test_a_budget_for_each_class_grows_with_the_classes():
    blobs = Blobs(ICaRL, ICaRL.Config(memory_per_class=3), "class", epochs=1)
    counts = [learned.state["memory.y"].bincount().tolist() for learned in snapshots(blobs)]
    assert counts == [[3] * 2, [3] * 4, [3] * 6]

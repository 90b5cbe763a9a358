"""BiC: the two numbers of the correction, and the examples that they are learned from."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import nn

from methods.base import Examples, Outlook, Setting, TaskView
from methods.bic import BiC
from methods.parts.budget import Budget
from methods.parts.held_out import divide_budget, first_of_each, hold_out
from methods.testing.blobs import IMAGE, NUM_TASKS, Blobs, stream
from methods.testing.equality import copy_state, unequal_entries
from methods.testing.snapshots import snapshots
from orchestrator.networks.mlp import MLP
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task

OLD, CLASSES, ALPHA, BETA = 3, 5, 0.5, -1.5


def bic(**config: object) -> Blobs:
    given = {"memory_size": 60, "held_out_share": 0.25, **config}
    return Blobs(BiC, BiC.Config(**given), "class")


def begin_task(blobs: Blobs, index: int) -> tuple[BiC, TaskView]:
    method, view = blobs.create_method(), blobs.view(index)
    if index > 1:
        *_, last = islice(snapshots(blobs), index - 1)
        method = blobs.restore(last.state, num_learned=index - 1)
    method.train()
    method.configure_loss(view.allowed)
    method.begin_task(view)
    return method, view


def rows_of(examples: Examples) -> set[bytes]:
    return {row.cpu().numpy().tobytes() for row in examples.x}


class Shifted(nn.Module):
    """Scores are the input, but those of the new classes are (input - BETA) / ALPHA."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(CLASSES, CLASSES)
        with torch.no_grad():
            self.head.weight.copy_(torch.eye(CLASSES))
            self.head.bias.zero_()
            self.head.weight[OLD:] /= ALPHA
            self.head.bias[OLD:] = -BETA / ALPHA

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores."""
        return self.head(x)


def test_the_two_numbers_are_recovered_where_new_scores_are_shifted_by_them():
    """The labels follow the softmax of the input, so that the best correction is the inverse."""
    generator = stream(0, "inputs")
    x = 2 * torch.randn((6000, CLASSES), generator=generator)
    y = torch.multinomial(x.softmax(dim=1), 1, generator=generator).flatten()
    new = y >= OLD
    config = BiC.Config(memory_size=40, held_out_share=0.5, correction_epochs=25)
    method = BiC(Shifted(), config, Outlook(CLASSES, (CLASSES,)))
    old_view = TaskView(1, (0, 1, 2), Examples(x[~new], y[~new]), None, lambda p: stream(1, p))
    method.begin_task(old_view)
    method.end_task(old_view)
    new_view = replace(old_view, index=2, classes=(3, 4), examples=Examples(x[new], y[new]))
    method.begin_task(new_view)
    (_, correction) = method.phases(new_view)
    method.begin_task, method.phases = lambda view: None, lambda view: (correction,)
    method.examples = lambda view: Examples(x, y)
    train_task(method, new_view, Training(batch_size=500), FlopMeter())
    alpha, beta = method.alpha.item(), method.beta.item()
    assert (alpha, beta) == (pytest.approx(ALPHA, abs=0.05), pytest.approx(BETA, abs=0.2))
    scores = method.predict_current(x[:9], None).detach()
    method.end_task(new_view)
    # The correction is now part of the layer: the scores are what they were, by alpha 1 and beta 0.
    assert (method.alpha.item(), method.beta.item()) == (1.0, 0.0)
    torch.testing.assert_close(method.predict(x[:9], None).detach(), scores)
    torch.testing.assert_close(scores[:, :OLD], x[:9, :OLD])
    torch.testing.assert_close(scores[:, OLD:], alpha * (x[:9, OLD:] - BETA) / ALPHA + beta)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_second_phase_changes_the_two_numbers_alone(batch_norm):
    method, view = begin_task(replace(bic(), batch_norm=batch_norm), 2)
    phases = method.phases(view)
    assert [phase.name for phase in phases] == ["", "bias correction"]
    method.begin_task, method.phases = lambda view: None, lambda view: phases[1:]
    before = copy_state(method.state_dict())
    train_task(method, view, Training(batch_size=16, momentum=0.9, optimizer="sgd"), FlopMeter())
    assert sorted(unequal_entries(before, method.state_dict())) == ["alpha", "beta"]


def test_the_first_task_has_one_phase_whose_loss_is_the_task_s():
    method, view = begin_task(bic(), 1)
    assert [phase.name for phase in method.phases(view)] == [""]
    method.begin_phase(method.phases(view)[0], view)
    shown = method.examples(view)
    assert torch.equal(method.loss(shown), method.task_loss(shown))


def test_what_judges_the_network_has_never_been_trained_on():
    blobs, trained, judged = bic(), set(), set()
    for index in range(1, NUM_TASKS + 1):
        method, view = begin_task(blobs, index)
        for phase in method.phases(view):
            method.begin_phase(phase, view)
            shown = rows_of(method.examples(view))
            (judged if phase.name else trained).update(shown)
    assert judged
    assert not trained & judged


def test_as_many_of_each_class_judge():
    method, view = begin_task(bic(), 3)
    method.begin_phase(method.phases(view)[1], view)
    counts = method.examples(view).y.bincount(minlength=6)
    assert counts.unique().tolist() == [15 // 6]


def test_both_memories_together_keep_to_the_budget():
    for snapshot in snapshots(bic()):
        assert len(snapshot.state["memory.y"]) <= 45
        assert len(snapshot.state["held_out.y"]) <= 15
    for snapshot in snapshots(Blobs(BiC, BiC.Config(memory_bytes=1100), "class")):
        memories = [t for n, t in snapshot.state.items() if n.startswith(("memory", "held_out"))]
        assert sum(t.numel() * t.element_size() for t in memories) <= 1100


def test_a_budget_is_divided_and_a_share_held_out_by_hand():
    assert divide_budget(Budget(29), 0.1) == (Budget(2), Budget(27))
    assert divide_budget(Budget(None, 1000), 0.29) == (Budget(None, 290), Budget(None, 710))
    y = torch.tensor([0] * 20 + [1] * 2 + [2])
    held = hold_out(y, room=3, share=0.1, generator=stream(0, "held-out"))
    assert y[held].tolist() == [0, 0, 1]
    assert first_of_each(torch.tensor([1, 0, 1, 1, 0])).tolist() == [1, 4, 0, 2]


def test_without_an_example_to_spare_nothing_is_corrected():
    """One example of each class: none can be held out and learned as well."""
    blobs = bic()
    method = blobs.create_method()
    for index in (1, 2):
        view = blobs.view(index)
        view = replace(view, examples=view.examples[first_of_each(view.examples.y)[::24]])
        method.configure_loss(view.allowed)
        method.begin_task(view)
        assert [phase.name for phase in method.phases(view)] == [""]
        method.end_task(view)
    assert method.memory.y.tolist() == [0, 1, 2, 3]
    assert len(method.held_out.y) == 0


@pytest.mark.parametrize(
    ("config", "story"),
    [
        ({"memory_size": 99}, "room for 9 held-out examples (memory_size: 99)"),
        ({"memory_size": 99}, "needs room for 10, one for each class: give memory_size: 100 or"),
        ({"memory_size": 18, "held_out_share": 0.5}, "give memory_size: 20"),
        (
            {"memory_size": 11, "held_out_share": 0.95},
            "has room for 1 other examples (memory_size: 11",
        ),
        ({"memory_size": 11, "held_out_share": 0.95}, "give memory_size: 181 or"),
    ],
)
def test_a_budget_too_small_for_its_parts_is_refused(config, story):
    setting = Setting("class", 10, (1, 8, 8), "mlp", 5)
    assert story in str(BiC.objection(BiC.Config(**config), setting))
    assert BiC.objection(BiC.Config(memory_size=100), setting) is None


@pytest.mark.parametrize("share", [0.07, 0.1, 0.3, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("unit", ["size", "bytes"])
def test_the_budget_that_a_message_names_is_the_least_that_is_accepted(share, unit):
    setting = Setting("class", 10, (1, 8, 8), "mlp", 5)

    def objection(amount: int) -> str | None:
        given = {f"memory_{unit}": amount, "held_out_share": share}
        return BiC.objection(BiC.Config(**given), setting)

    (least,) = re.findall(f"memory_{unit}: (\\d+)(?:,| or)", str(objection(1)))
    assert objection(int(least)) is None
    assert f"(memory_{unit}: {int(least) - 1})" in str(objection(int(least) - 1))


def test_heads_without_biases_are_refused():
    setting = Setting("class", 10, (1, 8, 8), "mlp", 5, MLP.Config(hidden=(8,), head="cosine"))
    assert "which a cosine head lacks" in str(BiC.objection(BiC.Config(), setting))
    network = nn.Sequential()
    network.head = nn.Linear(16, 6, bias=False)
    with pytest.raises(ValueError, match="the output layer has no bias"):
        BiC(network, BiC.Config(), Outlook(6, IMAGE))


def test_it_remembers_what_it_learned():
    *_, last = snapshots(replace(bic(correction_epochs=20), epochs=10))
    right = [
        (last.scores[t].argmax(dim=1) == bic().examples(t).y).float().mean()
        for t in range(1, NUM_TASKS + 1)
    ]
    assert float(torch.stack(right).mean()) > 0.9

"""Prices of what a method measures at intervals of steps, on batches of two sizes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from test_means import FORWARD, LAST, load_means
from torch import Tensor

from methods.base import Examples, TaskView
from methods.rwalk import RWalk
from orchestrator.stages.learning.step_budget import create_step_budget
from orchestrator.stages.learning.task_price import TaskPrice, price_from_costs
from orchestrator.stages.record import Costs
from orchestrator.stages.run_stage import run_stage
from orchestrator.sweep.means.all_seeds import describe_shortfall
from orchestrator.sweep.means.prices import price_trial
from orchestrator.sweep.trial import Trial

pytestmark = pytest.mark.slow


def test_what_is_measured_at_intervals_is_priced_by_hand() -> None:
    """Steps of 20, 20 and 10 on batches of 4, 4 and 2; a measure takes 3 for each example.

    It is taken after each second step, and at the end if a step is left over.
    """
    price = TaskPrice(50, (20, 20, 10), 6, sizes=(4, 4, 2), interval=2)
    assert [price.training_flops(n) for n in (1, 2, 3, 4, 6)] == [20, 52, 62, 94, 130]
    assert [price.consolidation_flops(n) for n in (1, 2, 3, 4, 6)] == [12, 0, 6, 0, 0]
    assert [price.most_iterations(b) for b in (31, 32, 52, 67, 68, 94)] == [0, 1, 2, 2, 3, 4]
    # An end after a full batch of 40 can cost more than a further step on the short one.
    short = TaskPrice(41, (40, 1), 1, sizes=(40, 1), interval=3)
    assert [short.flops(n) for n in (1, 2, 3)] == [80, 42, 121]
    assert short.most_iterations(120) == 2


def test_no_further_step_fits_and_less_than_a_step_and_a_measure_is_left() -> None:
    """Whatever the interval, and however short the last batch of an epoch, of 2 to 8 examples."""
    for interval, last, budget in product(range(1, 6), range(2, 9), range(200, 900, 37)):
        sizes = (8, 8, last)
        price = TaskPrice(5 * sum(sizes), (40, 40, 5 * last), 4 * last, sizes, interval)
        most = price.most_iterations(budget)
        assert 0 <= budget - price.flops(most) < 40 + 4 * 8
        assert all(price.flops(n) > budget for n in range(most + 1, most + 20))


def test_a_measure_on_a_full_batch_is_priced_by_hand_where_it_was_counted() -> None:
    """A measure takes 1, and 3 for each example: 7 on the last batch of 2, 13 on one of 4."""
    price = TaskPrice(50, (20, 20, 10), 7, sizes=(4, 4, 2), interval=2, measure=13)
    assert [price.training_flops(n) for n in (1, 2, 3, 4, 6)] == [20, 53, 63, 96, 133]
    assert [price.consolidation_flops(n) for n in (1, 2, 3, 4, 6)] == [13, 0, 7, 0, 0]
    assert [price.most_iterations(b) for b in (32, 33, 52, 53, 69, 70)] == [0, 1, 1, 2, 2, 3]
    assert create_step_budget(500, price).price == price
    assert price.add(0, 0, 5).flops(1) == 20 + 13 + 5


def test_measures_are_added_while_a_memory_fills_too() -> None:
    """Steps of the first epoch may cost less than 20, 20 and 10, and are priced at these."""
    price = TaskPrice(45, (20, 20, 10), 7, sizes=(4, 4, 2), interval=2, measure=13, uneven_epochs=1)
    assert [price.flops(n) for n in (1, 2, 3, 4)] == [20 + 13, 40 + 13, 45 + 13 + 7, 65 + 26]


def test_a_record_of_an_earlier_release_prices_a_measure_by_examples() -> None:
    costs = Costs(train_flops=50, consolidate_flops=7, batch_flops={"4": [2, 20], "2": [1, 10]})
    price = price_from_costs(costs)
    assert price is not None
    assert replace(price, interval=2).flops(1) == 20 + 14


def counted_costs(trial: Trial) -> Costs:
    """Return the costs of learning the first task."""
    fresh, first, *_ = trial.stages(0)
    state, _ = run_stage(fresh, None, ("lab", trial.trial_id, 0))
    return run_stage(first, state, ("lab", trial.trial_id, 0))[1].costs


@pytest.mark.parametrize(("batch_size", "last"), [(7, 1), (6, 4), (40, 24), (8, 8), (64, 64)])
def test_measures_on_batches_of_both_sizes_are_counted_by_their_formula(
    tmp_path: Path, batch_size: int, last: int
) -> None:
    """The Fisher of n examples takes n (2 F + L) and F, of a forward pass and of the last layer.

    They pass forward, go back from the outputs to the hidden units, and each layer multiplies
    squares; one example passes before, to see that the layers are linear. Tasks have 64 examples.
    """
    training = {"training": f"{{batch_size: {batch_size}}}"}
    (trial,) = load_means(tmp_path, "[rwalk]", "{compute: 4}", **training).trials
    costs = counted_costs(price_trial(trial))
    on_last, on_full = (n * (2 * FORWARD + LAST) + FORWARD for n in (last, batch_size))
    assert costs.consolidate_flops == on_last
    assert costs.interval_flops == (None if last == batch_size else on_full)
    assert counted_costs(trial).interval_flops is None, "it measures at intervals itself"


def test_a_step_for_flops_alone_may_diverge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trial,) = load_means(tmp_path, "[rwalk]", "{compute: 4}", training="{batch_size: 6}").trials
    expected = counted_costs(price_trial(trial))
    begin_task, loss = RWalk.begin_task, RWalk.loss

    def note_length(method: RWalk, task: TaskView) -> None:
        begin_task(method, task)
        method.weight = torch.inf if task.num_steps == 1 else 1.0

    def diverge_alone(method: RWalk, batch: Examples) -> Tensor:
        return loss(method, batch) * method.weight

    monkeypatch.setattr(RWalk, "begin_task", note_length)
    monkeypatch.setattr(RWalk, "loss", diverge_alone)
    fresh, first, *_ = price_trial(trial).stages(0)
    state, _ = run_stage(fresh, None, ("lab", trial.trial_id, 0))
    learned, record = run_stage(first, state, ("lab", trial.trial_id, 0))
    assert (record.status, record.story) == ("complete", "")
    assert learned is not None
    assert record.costs.interval_flops == expected.interval_flops is not None
    assert record.costs.consolidate_flops == expected.consolidate_flops


def test_phases_of_a_fixed_length_are_named_beside_the_step_that_does_not_fit() -> None:
    """Steps take 60 and 60, one of 2 images 30, of 1,150 in all: 1,000 are no step."""
    price = TaskPrice(1_150, (60, 60, 30), 5, sizes=(4, 4, 2))
    assert price.fixed_flops == 1_000
    assert describe_shortfall(price, 65) == (
        "one step 60 FLOP + phases of a fixed length and set-up 1,000 FLOP + consolidation 5 FLOP "
        "= 1,065 FLOP, which is 1,000 FLOP above 65 FLOP"
    )
    # The first steps of a memory that fills take 20 and 10 less: no set-up, and none is named.
    filling = TaskPrice(120, (60, 60, 30), 5, sizes=(4, 4, 2), savings=(20, 10))
    assert (filling.fixed_flops, filling.training_flops(1)) == (0, 40)
    assert describe_shortfall(filling, 40).startswith("one step 40 FLOP + consolidation 5 FLOP =")

"""Steps that do not cost what an epoch has shown are within the budget of computation too.

A memory is empty at the first step, which may be the only one of its size.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from alike import each_method
from means_lab import FILLED, MakeTrial, Stages, most_of_one_step, spent

from methods import METHODS
from orchestrator.sweep.means.prices import price_trial
from orchestrator.sweep.trial import Trial

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("batch_size", [40, 100])  # of the 72 examples of a task
@pytest.mark.parametrize("name", each_method())
def test_batches_above_half_of_a_task_meet_its_budget_within_a_step(
    name: str, batch_size: int, stages: Stages, make_trial: MakeTrial
) -> None:
    """A memory is empty at the first step, which an epoch may have alone of its size."""
    trial = make_trial(name, batch_size)
    chain = stages.chain(trial)
    cell = stages.solve(trial, None, 2 + 3 * most_of_one_step(chain))
    assert cell.outcome is None
    assert cell.compute is not None
    flops = spent(stages.run(cell.trial))
    budgets = np.array([chain.budget(task, cell.compute) for task in range(2)])
    grows = METHODS[name].sized_by_learning
    assert grows or (flops <= np.array(cell.flops[0])).all(), "what was solved for"
    shares = f"{name} spent {flops / budgets} of the budgets of its tasks"
    assert (flops <= budgets).all(), shares
    steps = [chain.next_price([1] * task) for task in range(2)]  # of the widest bases
    dearest = np.array([max(price.batches, default=np.inf) for price in steps])
    assert (flops > budgets - dearest).all(), shares


# More is replayed than a batch has, or in several steps on it.
REPLAYS = [
    ("er", {"replay_batch_size": 250}),
    ("er", {"replay_batch_size": 100, "policy": "ring"}),
    ("er_ace", {"replay_batch_size": 20, "updates_per_batch": 3}),
    ("mir", {"replay_batch_size": 12, "candidates": 30}),
    ("mir", {"updates_per_batch": 2, "policy": "ring"}),
    ("der", {"replay_batch_size": 250}),
    ("derpp", {"replay_batch_size": 100}),
    ("agem", {"replay_batch_size": 250, "policy": "ring"}),
]


@pytest.mark.parametrize(
    ("batch_size", "size", "drop_last"), [(4, 250, False), (16, FILLED, False), (40, 250, True)]
)
@pytest.mark.parametrize(("name", "options"), REPLAYS)
def test_every_step_is_priced_by_what_the_memory_holds(
    name: str,
    options: dict[str, object],
    batch_size: int,
    size: int,
    drop_last: bool,
    stages: Stages,
    make_trial: MakeTrial,
) -> None:
    """Of 72 examples a task; where few steps fit, the memory of the second is nearly empty."""
    trial = make_trial(name, batch_size, drop_last=drop_last)
    trial = with_options(trial, memory_size=size, **options)
    check_spent_to_a_step(trial, (1, 5, 20), stages)


def check_spent_to_a_step(trial: Trial, shares: tuple[float, ...], stages: Stages) -> None:
    """Check that arithmetic is exact, and leaves less than a step, at multiples of a step."""
    chain = stages.chain(trial)
    for share in shares:
        cell = stages.solve(trial, None, share * most_of_one_step(chain))
        if cell.outcome is not None:
            # After several steps on the first task, one on the second replays more.
            assert cell.outcome[1].startswith("task 2 takes one step"), cell.outcome
            continue
        flops, steps = spent(stages.run(cell.trial)), cell.steps[0]
        assert [*flops] == [*cell.flops[0]], f"in {steps} steps"
        prices = [chain.next_price(steps[:task]) for task in range(2)]
        further = [p.flops(n + 1) for p, n in zip(prices, steps, strict=True)]
        budgets = np.array(cell.budgets[0])
        assert (flops <= budgets).all()
        assert (further > budgets).all(), f"one more than {steps} steps"
    assert cell.outcome is None, "the largest budget"


def with_options(trial: Trial, **options: object) -> Trial:
    """Return a trial with other hyperparameters of its method."""
    return replace(
        trial, method=replace(trial.method, config=replace(trial.method.config, **options))
    )


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("name", ["er", "mir"])
@pytest.mark.parametrize("batch_size", [8, 16, 40])
def test_a_part_of_an_epoch_is_spent_to_a_step_while_a_memory_fills(
    name: str, batch_size: int, drop_last: bool, stages: Stages, make_trial: MakeTrial
) -> None:
    """Of 72 examples, mir draws 40, 80 and all as candidates.

    Of those that an epoch leaves out it draws some on the next task, after several epochs.
    """
    trial = make_trial(name, batch_size, drop_last=drop_last)
    drawn, shown = {"er": 1, "mir": 5}[name] * batch_size, 72 // batch_size * batch_size
    epochs = ceil((min(drawn, 72) + batch_size) / (shown if drop_last else 72))
    assert price_trial(trial).training.epochs == epochs, "after which a step has what it draws"
    check_spent_to_a_step(trial, (1, 1.4, 2, 3, 5), stages)


# Of tasks of 72: below a task, above it, above all there is, and a draw above the memory.
@pytest.mark.parametrize(("replayed", "size"), [(20, 30), (100, FILLED), (100, 250), (300, 250)])
@pytest.mark.parametrize("name", ["der", "derpp"])
def test_a_memory_that_is_offered_examples_in_every_epoch_meets_its_budget(
    name: str, replayed: int, size: int, stages: Stages, make_trial: MakeTrial
) -> None:
    """It holds an example several times, so that it fills over as many epochs as it takes."""
    trial = with_options(
        make_trial(name), memory_size=size, replay_batch_size=replayed, offered="every_epoch"
    )
    check_spent_to_a_step(trial, (1, 2.3, 20, 300), stages)

"""Steps that do not cost what an epoch has shown are within the budget of computation too.

A memory is empty at the first step, which may be the only one of its size; a basis is as wide as
the steps before have made it.
"""

from __future__ import annotations

import numpy as np
import pytest
from alike import each_method
from means_lab import MakeTrial, Stages, most_of_one_step, spent

from methods import METHODS
from orchestrator.sweep.means.prices import price_trial

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
    assert (flops <= np.array(cell.flops[0])).all(), "what was solved for"
    assert (flops <= budgets).all()
    dearest = np.array([max(price.batches, default=np.inf) for price in chain.counted])
    assert METHODS[name].sized_by_learning or (flops > budgets - dearest).all()


@pytest.mark.parametrize("name", ["er", "mir"])
@pytest.mark.parametrize("batch_size", [8, 16, 40])
def test_a_part_of_an_epoch_is_never_above_the_budget_while_a_memory_fills(
    name: str, batch_size: int, stages: Stages, make_trial: MakeTrial
) -> None:
    """Of 72 examples, mir draws 40, 80 and all as candidates."""
    trial = make_trial(name, batch_size)
    examples = {"er": 2, "mir": 6}[name] * batch_size  # that the last step needs before it
    assert price_trial(trial).training.epochs == (1 if examples <= 72 else 2)
    chain = stages.chain(trial)
    for share in (1, 1.4, 2):
        cell = stages.solve(trial, None, share * most_of_one_step(chain))
        assert cell.outcome is None
        budgets = [chain.budget(task, cell.compute or 0) for task in range(2)]
        assert (spent(stages.run(cell.trial)) <= np.array(budgets)).all()


def test_gpm_is_priced_with_bases_as_wide_as_they_can_be(
    stages: Stages, make_trial: MakeTrial
) -> None:
    """Layers of 8 x 17 and 6 x 9 weights, biases included; 4 products for gradient and step each.

    How wide the bases of layers after the first become depends on the number of steps before.
    """
    trial = make_trial("gpm", hidden="[8, 6]")
    cell = stages.solve(trial, None, 200)
    chain = stages.chain(trial)
    first, second = chain.next_price(()), chain.next_price(cell.steps[0][:1])
    assert first.batches == chain.units[0].batches
    assert second.batches[0] - chain.units[1].batches[0] == 8 * (8 * 17 * 17 + 6 * 9 * 9)
    assert second.consolidation - first.consolidation == 8 * (17**3 + 9**3)
    flops = spent(stages.run(cell.trial))
    assert flops[0] == cell.flops[0][0], "exact where no basis is"
    assert flops[1] < cell.flops[0][1] <= chain.budget(1, 200)

"""Every method of the table meets its means to within a hundredth, and is never above them.

The steps are solved for at a budget of which one takes a hundredth at most, in batches of 32 of 97
examples: the last of each epoch has a single one. What has no dial fits from exactly what it costs
on, and is infeasible below, with the sum that shows it.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from alike import cases, each_method
from means_lab import MakeTrial, Stages, most_of_one_step, spent

from methods import METHODS
from orchestrator.stages.record import Record
from orchestrator.sweep.means.cells import Cell
from orchestrator.sweep.means.storage import (
    carried_bytes,
    describe_sum,
    describe_widest,
    largest_fixed,
    memories,
)
from orchestrator.sweep.trial import Trial

pytestmark = pytest.mark.slow

REST = 7  # bytes of a budget, less than an example


def has_memory(trial: Trial) -> bool:
    """Return whether the method has the dial of storage."""
    return trial.method.config.with_storage(1000) is not None


def carried(records: list[Record]) -> int:
    """Return the bytes that were counted, at their largest over the sequence."""
    return max(sum(record.costs.storage.values()) for record in records)


def solve_for_small_steps(stages: Stages, trial: Trial, storage: int) -> Cell:
    """Return the cell of a computation of which a further step takes a hundredth at most."""
    compute = 10.0
    while largest_step(stages, cell := stages.solve(trial, storage, compute)) > 0.01:
        compute *= 1.2
    return cell


def largest_step(stages: Stages, cell: Cell) -> float:
    """Return the largest share of its budget that a step takes, with what is measured after it.

    0 without a dial of computation, infinity where the method does not fit.
    """
    if cell.outcome is not None or not cell.steps:
        return 0 if cell.outcome is None else np.inf
    chain, steps = stages.chain(cell.trial), cell.steps[0]
    shares = [0.0]
    for task, budget in enumerate(cell.budgets[0]):
        price = chain.next_price(steps[:task])
        further = range(steps[task] + 1, steps[task] + 41)
        shares += [(price.flops(n) - price.flops(n - 1)) / budget for n in further]
    return max(shares)


# Method, examples of a batch and of a task, and whether a short batch is left out.
WORLDS = [
    *cases([(name, 32, 97, False) for name in METHODS], unlike=["rwalk"]),
    # 36 steps an epoch: the last is on a single example, or all are full.
    *[("rwalk", 2, size, False) for size in (71, 72)],
    *[(name, 32, 97, True) for name in ("rwalk", "er")],
]


@pytest.mark.parametrize(("name", "batch_size", "per_task", "drop_last"), WORLDS)
def test_what_is_counted_is_within_a_hundredth_of_the_means_and_not_above(
    name: str,
    batch_size: int,
    per_task: int,
    drop_last: bool,
    stages: Stages,
    make_trial: MakeTrial,
) -> None:
    trial = make_trial(name, batch_size, per_task=per_task, drop_last=drop_last)
    rest = REST if has_memory(trial) else 0
    storage = sum(carried_bytes(trial, 0).values()) + rest
    cell = solve_for_small_steps(stages, trial, storage)
    assert cell.compute is not None
    records = stages.run(cell.trial)
    assert all(memory.row_bytes > rest for memory in memories(cell.trial, 0)), "one more"
    grows = METHODS[name].sized_by_learning
    assert carried(records) <= storage if grows else carried(records) == storage - rest
    unit, own = stages.prices(cell.trial)
    budgets = cell.compute * np.array([price.flops(len(price.batches)) for price in unit])
    flops = spent(records)
    shares = f"{name} spent {flops / budgets} of the budgets of its tasks"
    assert (flops <= budgets).all(), shares
    dials = np.array([bool(price.batches) for price in own])  # freeze has none after the first task
    assert dials.any() == METHODS[name].takes_steps
    # The steps of what grows are settled when a task begins.
    assert grows or (flops <= np.array(cell.flops[0])).all(), "what was solved for"
    assert (flops >= 0.99 * budgets)[dials].all(), shares


@pytest.mark.parametrize("name", each_method())
def test_one_more_step_on_any_task_is_above_the_budget(
    name: str, stages: Stages, make_trial: MakeTrial
) -> None:
    """However few steps a budget allows: where one is more than a hundredth, this is what holds."""
    trial = make_trial(name)
    cells = [stages.solve(trial, None, 1000)]
    chain = stages.chain(trial)
    least = most_of_one_step(chain)
    cells += [stages.solve(trial, None, least * share) for share in (1, 1.7, 3.3, 20)]
    assert cells[-1].outcome is None, cells[-1].outcome
    for cell in cells:
        # After more steps on the first task one of GEM's on the second may be too dear.
        assert cell.outcome is None or "one step" in cell.outcome[1]
        steps, compute = cell.steps.get(0, ()), cell.compute
        assert compute is not None
        for task, number in enumerate(steps):
            price, budget = chain.next_price(steps[:task]), chain.budget(task, compute)
            assert price.flops(number) <= budget
            if price.batches:  # freeze has none after the first task
                assert all(price.flops(number + n) > budget for n in range(1, 10))
    few = stages.solve(trial, None, least * (1 - 1e-6))
    assert few.outcome is not None, "not even one step"


@pytest.mark.parametrize("name", each_method())
def test_what_is_too_dear_is_infeasible_with_the_sum(
    name: str, stages: Stages, make_trial: MakeTrial
) -> None:
    trial = make_trial(name)
    fixed = largest_fixed(trial.stages(0))
    total, text = sum(fixed.values()), describe_sum(fixed)
    above = stages.solve(trial, total - 1, 1000)
    grows = METHODS[name].sized_by_learning
    most, widest = (" at most", describe_widest(trial.stages(0))) if grows else ("", "")
    story = f"{text}{most}, which is 1 B above {total - 1:,} B{widest}"
    assert above.outcome == ("infeasible", story)
    if has_memory(trial):
        empty = stages.solve(trial, total, 1000)
        story = f"{text}, which leaves 0 B of {total:,} B for its memory"
        assert empty.outcome == ("infeasible", story)
    cell = stages.solve(trial, None, 0.001)
    assert cell.outcome is not None
    assert cell.outcome[0] == "infeasible"
    numbers = [
        int(number.replace(",", "")) for number in re.findall(r"[\d,]+(?= FLOP)", cell.outcome[1])
    ]
    *parts, flops, excess, budget = numbers
    assert sum(parts) == (flops if METHODS[name].takes_steps else 0)
    assert flops - excess == pytest.approx(budget, abs=1)


@pytest.mark.parametrize("name", [n for n, cls in METHODS.items() if not cls.takes_steps])
def test_a_method_without_steps_fits_from_exactly_the_flops_that_it_takes(
    name: str, stages: Stages, make_trial: MakeTrial
) -> None:
    trial = make_trial(name)
    enough = stages.solve(trial, None, 1000)
    unit, _ = stages.prices(trial)
    budgets = np.array([price.flops(len(price.batches)) for price in unit])
    flops = spent(stages.run(enough.trial))
    least = (flops / budgets).max()
    assert stages.solve(trial, None, least * (1 + 1e-9)).flops == {0: (*flops,)}
    outcome = stages.solve(trial, None, least * (1 - 1e-6)).outcome
    assert outcome is not None
    assert f"takes no step, and consolidation {flops.max():,} FLOP" in outcome[1]

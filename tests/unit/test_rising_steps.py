"""Steps that cost more and more while a memory fills: what a record has of them, and a price."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.stages.costs import MOST_RUNS, FlopMeter
from orchestrator.stages.learning.task_price import TaskPrice, price_from_costs
from orchestrator.stages.record import Costs
from orchestrator.stages.storage.record_types import require_costs
from orchestrator.sweep.means.chain_prices import ChainPrices

RISING = [(1, 1), (1, 2), (1, 3), (1, 4), (1, 4), (1, 4)]  # (examples, FLOPs) of each batch


def meter(*batches: tuple[int, int], phase: str = "") -> FlopMeter:
    noted = FlopMeter()
    for size, flops in batches:
        noted.note_batch(size, flops, phase)
    return noted


def costs(*batches: tuple[int, int]) -> Costs:
    """Return the costs of a stage whose steps on batches take these FLOPs."""
    noted = meter(*batches)
    return Costs(
        train_flops=sum(flops for _, flops in batches),
        samples=sum(size for size, _ in batches),
        batch_flops={str(n): [*each] for n, each in noted.batches.items()},
        rising_steps={str(n): runs for n, runs in noted.rising_steps.items()},
    )


def test_steps_that_rise_are_noted_in_runs() -> None:
    assert meter(*RISING).rising_steps == {1: [[1, 1], [1, 2], [1, 3], [3, 4]]}
    # The last batch of an epoch is short, and the memory not yet full when it first comes.
    both = meter((2, 1), (2, 4), (1, 1), (2, 4), (2, 4), (1, 2))
    assert both.rising_steps == {2: [[1, 1], [3, 4]], 1: [[1, 1], [1, 2]]}
    copied = both.copy()
    copied.note_batch(1, 2)
    assert copied.rising_steps[1] == [[1, 1], [2, 2]]
    assert both.rising_steps[1] == [[1, 1], [1, 2]]


@pytest.mark.parametrize(
    "batches",
    [
        [],
        [(2, 4), (2, 4), (1, 2)],
        [(2, 1), (2, 4), (2, 4), (1, 2)],  # the first alone, which the sum of an epoch tells
        [(2, 5), (2, 4), (2, 4)],  # it sets something up
        [(1, 1), (1, 2), (1, 3), (1, 2), (1, 3)],
        [(1, flops) for flops in range(MOST_RUNS + 2)],
    ],
)
def test_steps_that_do_not_rise_are_not_noted_in_runs(batches: list[tuple[int, int]]) -> None:
    assert meter(*batches).rising_steps == {}


def test_steps_of_several_phases_are_not_noted_in_runs() -> None:
    noted = meter(*RISING)
    noted.note_batch(1, 4, "compress")
    assert noted.rising_steps == {}


def test_a_part_of_an_epoch_costs_what_its_steps_did() -> None:
    price = price_from_costs(costs(*RISING))
    assert price is not None
    assert [price.flops(n) for n in (1, 2, 3, 4, 5, 6, 7, 13)] == [1, 3, 6, 10, 14, 18, 22, 46]
    assert [price.most_iterations(budget) for budget in (2, 3, 9, 10, 21, 22)] == [1, 2, 3, 4, 6, 7]
    # Two epochs of batches of 2, 2 and 1 examples, of which four steps rise.
    rising = [(2, 2), (2, 4), (1, 1), (2, 6), (2, 7), (1, 3)]
    longer = price_from_costs(costs(*rising), num_epochs=2)
    assert longer is not None
    assert longer.savings == (5, 3, 2, 1)
    assert [longer.flops(n) for n in range(1, 8)] == [2, 6, 7, 13, 20, 23, 30]


def test_a_phase_with_a_length_of_its_own_is_added_to_steps_that_rise() -> None:
    price = TaskPrice(100 + 18, (4,) * 6, 7, sizes=(1,) * 6, savings=(3, 2, 1))
    assert [price.flops(n) for n in (1, 2, 6, 7)] == [107 + 1, 107 + 3, 107 + 18, 107 + 22]


@pytest.mark.parametrize(("drawn", "flops"), [(3, [1, 3, 6, 10, 14, 18]), (2, [4, 8, 12, 16, 18])])
def test_steps_are_priced_as_they_rose_if_they_drew_all_that_had_been_shown(
    drawn: int, flops: list[int]
) -> None:
    """Three steps are cheap, before which 0, 1 and 2 examples were shown.

    If a step draws 2, the third did not have them: a memory of another order may have.
    """
    unit, price = TaskPrice(6, (1,) * 6, 0, sizes=(1,) * 6), price_from_costs(costs(*RISING))
    assert price is not None
    chain = ChainPrices((unit,), (price,), lambda shown, size: None, lambda size: drawn)
    settled = chain.next_price([])
    assert [settled.flops(n) for n in range(1, len(flops) + 1)] == flops


@pytest.mark.parametrize(
    "rising", [[], {"1": []}, {"2": [[6, 4]]}, {"1": [[5, 4]]}, {"1": [[6, -4]]}, {"1": [6, 4]}]
)
def test_runs_that_are_not_of_all_batches_are_damage(rising: Any) -> None:
    batches = {"1": [6, 4]}
    require_costs(Costs(batch_flops=batches, rising_steps={"1": [[2, 1], [4, 4]]}))
    with pytest.raises(TypeError, match="rising_steps is"):
        require_costs(Costs(batch_flops=batches, rising_steps=rising))

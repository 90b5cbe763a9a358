"""The dials that meet a pair of budgets on the seeds of a trial, whose tasks may differ in size.

The memory is one for all seeds, and steps are those of each. Where a seed does not fit, the sum
that shows it names the seed, unless it is that of all seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.stages.learning.task_price import TaskPrice
from orchestrator.sweep.means.budget_text import fine_tuning_text
from orchestrator.sweep.means.chain_prices import ChainPrices
from orchestrator.sweep.means.storage import BackboneBytes, TooDear, fit_storage
from orchestrator.sweep.trial import Trial


def fit_memory(
    trial: Trial, seeds: Sequence[int], budget: int, backbone: BackboneBytes
) -> int | None:
    """Return the memory for which a budget has room on all of some seeds; see `fit_storage`.

    Raises:
        TooDear: it does not fit a seed.
    """
    outcomes = [try_storage(trial, seed, budget, backbone) for seed in seeds]
    sums = [str(each) if isinstance(each, TooDear) else "" for each in outcomes]
    if any(sums):
        text, seed = first_sum(sums, seeds)
        raise TooDear(text if seed is None else f"on seed {seed} {text}")
    return min((size for size in outcomes if isinstance(size, int)), default=None)


def try_storage(
    trial: Trial, seed: int, budget: int, backbone: BackboneBytes
) -> int | TooDear | None:
    """Return what `fit_storage` returns or raises."""
    try:
        return fit_storage(trial, seed, budget, backbone)
    except TooDear as error:
        return error


def first_sum(sums: Sequence[str], seeds: Sequence[int]) -> tuple[str, int | None]:
    """Return the first sum of a seed that does not fit, and that seed; None if all have this sum.

    Args:
        sums: for each seed the sum that shows that it does not fit; "" of a seed that fits.
        seeds: of the sums.
    """
    first = next(number for number, text in enumerate(sums) if text)
    return sums[first], seeds[first] if len(set(sums)) > 1 else None


def most_steps(
    chains: Sequence[ChainPrices], compute: float, seeds: Sequence[int]
) -> list[tuple[int, ...]]:
    """Return, for each seed, the most iterations on each task that a budget allows.

    Args:
        chains: the prices of the method, for each seed.
        compute: the budget, in epochs of fine-tuning.
        seeds: of the chains.

    Raises:
        TooDear: a single step and the consolidation cost more at some task of a seed.
    """
    steps: list[tuple[int, ...]] = [()] * len(chains)
    for task in range(len(chains[0].counted)):
        of_seeds = [
            (chain.next_price(before), chain.budget(task, compute))
            for chain, before in zip(chains, steps, strict=True)
        ]
        most = [price.most_iterations(budget) for price, budget in of_seeds]
        if not all(most):
            pairs = zip(most, of_seeds, strict=True)
            text, seed = first_sum(["" if n else describe_shortfall(*p) for n, p in pairs], seeds)
            where = f"task {task + 1}" + ("" if seed is None else f" of seed {seed}")
            raise TooDear(f"{where} takes {text}, {fine_tuning_text(compute)} for an epoch")
        steps = [(*before, number) for before, number in zip(steps, most, strict=True)]
    return steps


def describe_shortfall(price: TaskPrice, budget: float) -> str:
    """Return the sum that shows that a budget does not allow a single step."""
    first, rest, once = price.flops(1), price.consolidation_flops(1), price.fixed_flops
    beside = f" + phases of a fixed length and set-up {once:,} FLOP" if once else ""
    parts = (
        f"one step {first - rest - once:,} FLOP{beside} + consolidation {rest:,} FLOP = "
        f"{first:,} FLOP"
        if price.batches
        else f"no step, and consolidation {first:,} FLOP"
    )
    most = " at most" if price.is_bound else ""
    return f"{parts}{most}, which is {first - budget:,.0f} FLOP above {budget:,.0f} FLOP"

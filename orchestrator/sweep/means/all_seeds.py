"""The dials that meet a pair of budgets on all seeds of a trial, whose tasks may differ in size.

Where a seed does not fit, the sum that shows it names the seed, unless it is that of all seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.sweep.means.budget_text import fine_tuning_text
from orchestrator.sweep.means.chain_prices import ChainPrices
from orchestrator.sweep.means.prices import priced_seeds
from orchestrator.sweep.means.steps import TaskPrice
from orchestrator.sweep.means.storage import BackboneBytes, TooDear, fit_storage
from orchestrator.sweep.trial import Trial


def fit_memory(trial: Trial, budget: int, backbone: BackboneBytes) -> int | None:
    """Return the memory for which a budget has room on all seeds; see `fit_storage`.

    Raises:
        TooDear: it does not fit a seed.
    """
    seeds = priced_seeds(trial)
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


def most_steps(chains: Sequence[ChainPrices], compute: float, seeds: Sequence[int]) -> list[int]:
    """Return the most iterations on each task that a budget allows, on all seeds.

    Args:
        chains: the prices of the method, for each seed.
        compute: the budget, in epochs of fine-tuning.
        seeds: of the chains.

    Raises:
        TooDear: a single step and the consolidation cost more at some task.
    """
    steps: list[int] = []
    for task in range(len(chains[0].counted)):
        of_seeds = [(each.next_price(steps), each.budget(task, compute)) for each in chains]
        most = [price.most_iterations(budget) for price, budget in of_seeds]
        if not min(most):
            pairs = zip(most, of_seeds, strict=True)
            text, seed = first_sum(["" if n else describe_shortfall(*p) for n, p in pairs], seeds)
            where = f"task {task + 1}" + ("" if seed is None else f" of seed {seed}")
            raise TooDear(f"{where} takes {text}, {fine_tuning_text(compute)} for an epoch")
        steps.append(most_common_steps(of_seeds, min(most)))
    return steps


def most_common_steps(of_seeds: Sequence[tuple[TaskPrice, float]], most: int) -> int:
    """Return the most iterations, up to `most`, that fit all of some (price, budget).

    Fewer iterations than fit may cost more: a measure after a step on a full batch costs more than
    one after a step on a short batch. One iteration fits.
    """
    return next(n for n in range(most, 0, -1) if all(p.flops(n) <= b for p, b in of_seeds))


def describe_shortfall(price: TaskPrice, budget: float) -> str:
    """Return the sum that shows that a budget does not allow a single step."""
    first, rest = price.flops(1), price.consolidation_flops(1)
    parts = (
        f"one step {first - rest:,} FLOP + consolidation {rest:,} FLOP = {first:,} FLOP"
        if price.batches
        else f"no step, and consolidation {first:,} FLOP"
    )
    return f"{parts}, which is {first - budget:,.0f} FLOP above {budget:,.0f} FLOP"

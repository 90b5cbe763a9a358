"""The dials that meet a pair of budgets on all seeds of a trial, whose tasks may differ in size."""

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
        TooDear: it does not fit a seed; the message names the seed if their tasks differ in size.
    """
    sizes: list[int | None] = []
    seeds = priced_seeds(trial)
    for seed in seeds:
        try:
            sizes.append(fit_storage(trial, seed, budget, backbone))
        except TooDear as error:
            raise TooDear(f"on seed {seed} {error}" if len(seeds) > 1 else str(error)) from None
    return min((size for size in sizes if size is not None), default=None)


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
            dear = most.index(0)
            where = f"task {task + 1}{f' of seed {seeds[dear]}' if len(seeds) > 1 else ''}"
            raise TooDear(
                f"{where} takes {describe_shortfall(*of_seeds[dear])}, "
                f"{fine_tuning_text(compute)} for an epoch"
            )
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

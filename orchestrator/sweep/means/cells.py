"""The cells of a sweep with means: each method at each pair of budgets, its dials solved for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.columns import INFEASIBLE
from orchestrator.stages.learning.step_budget import StepBudget
from orchestrator.sweep.means.alike_seeds import for_all_seeds, priced_seeds
from orchestrator.sweep.means.all_seeds import fit_memory, most_steps
from orchestrator.sweep.means.bound import bound_bytes
from orchestrator.sweep.means.budget_text import fine_tuning_text
from orchestrator.sweep.means.chain_prices import TaskPrices
from orchestrator.sweep.means.dials import memory_dial, set_step_budgets, set_steps
from orchestrator.sweep.means.prices import (
    Unpriceable,
    Unpriced,
    budgets_by_seed,
    chain_prices,
    price_trial,
    unit_trial,
)
from orchestrator.sweep.means.storage import BackboneBytes, TooDear, set_memory
from orchestrator.sweep.spaces.domains import Domain
from orchestrator.sweep.trial import Trial

# Returns the prices of a price trial, for each of its seeds; see `prices.read_prices`.
PriceList = Callable[[Trial], tuple[TaskPrices, ...]]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A method at a pair of budgets.

    Attributes:
        trial: with its dials set, as far as they are solved.
        storage: the budget in bytes; None: free.
        compute: the budget in epochs of fine-tuning; None: free.
        backbone: whether a frozen body counts against the storage.
        memory: bytes of the memory that were solved for, or examples of a memory of files; None if
            the method has no such dial.
        steps: seed -> iterations on each task that were solved for; empty: not yet, or not at all.
            Where something grows by what is learned they are the fewest.
        step_budgets: seed -> what decides on the steps of each task where something grows; else
            empty.
        flops: seed -> those of training and consolidation of each task, by arithmetic; likewise.
            Where something grows they are those of the fewest steps at its most.
        budgets: seed -> the FLOPs that `compute` allows each task, once they are known.
        outcome: (status, story) of a trial that is not run; None of one that is.
        prices: the price trials from which the steps follow, if they are not all stored yet: that
            of the unit of computation, then those of the method.
        price_flops: key -> FLOPs of the stages of the price trials, once they are known.
        space: the domains of the candidates, by place; empty if it is not searched.
    """

    trial: Trial
    storage: int | None = None
    compute: float | None = None
    backbone: BackboneBytes = "counted"
    memory: int | None = None
    steps: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    step_budgets: Mapping[int, tuple[StepBudget, ...]] = field(default_factory=dict)
    flops: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    budgets: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    outcome: tuple[str, str] | None = None
    prices: tuple[Trial, ...] = ()
    price_flops: Mapping[str, int] = field(default_factory=dict)
    space: Mapping[str, Domain] = field(default_factory=dict)


def solve_cell(
    trial: Trial,
    storage: int | None,
    compute: float | None,
    prices: PriceList,
    backbone: BackboneBytes = "counted",
    search_seeds: tuple[int, ...] = (),
) -> Cell:
    """Return the cell of a trial at a pair of budgets.

    Args:
        trial: as the file configures it.
        storage: in bytes; None: free.
        compute: in epochs of fine-tuning; None: free.
        prices: returns the prices of a price trial; raises Unpriced where they are not known yet.
        backbone: whether a frozen body counts against the storage.
        search_seeds: further seeds that budgets are met on, those of its search.
    """
    cell = Cell(trial=trial, storage=storage, compute=compute, backbone=backbone)
    on_all = replace(trial, seeds=tuple(dict.fromkeys((*trial.seeds, *search_seeds))))
    try:
        if storage is not None:
            # Storage first: the memory that fits decides what a step replays, and so costs.
            cell = replace(cell, memory=fit_memory(trial, priced_seeds(on_all), storage, backbone))
        if compute is not None:
            fitted = on_all if cell.memory is None else set_memory(on_all, cell.memory)
            unit, own = unit_trial(fitted), price_trial(fitted)
            # Until the cell is solved: these are the stages to compute before it can be.
            cell = replace(cell, prices=(unit, own))
            chains = chain_prices(fitted, prices(unit), prices(own))
            flops = count_price_flops((unit, own), prices)
            budgets = budgets_by_seed(fitted, prices(unit), compute)
            cell = replace(cell, price_flops=flops, budgets=budgets)
            steps = most_steps(chains, compute, priced_seeds(fitted))
            spent = [tuple(c.flops(each)) for c, each in zip(chains, steps, strict=True)]
            # A method that takes no steps costs what it costs, and has no dial.
            dial = for_all_seeds(fitted, steps) if trial.method.cls.takes_steps else {}
            cell = replace(cell, steps=dial, flops=for_all_seeds(fitted, spent), prices=())
            if dial and chains[0].growth:
                growing = for_all_seeds(fitted, [c.step_budgets(compute) for c in chains])
                cell = replace(cell, step_budgets=growing)
    except TooDear as error:
        cell = replace(cell, outcome=(INFEASIBLE, str(error)), prices=())
    except Unpriceable as error:
        cell = replace(cell, outcome=(error.status, str(error)), prices=())
    except Unpriced:
        pass
    if cell.outcome is not None and not cell.budgets:
        cell = replace(cell, budgets=find_budgets(on_all, compute, prices))
    return replace(cell, trial=set_dials(cell, trial))


def find_budgets(
    trial: Trial, compute: float | None, prices: PriceList
) -> dict[int, tuple[float, ...]]:
    """Return the budgets of a trial that is not run; none unless they are priced for another."""
    if compute is None:
        return {}
    try:
        return budgets_by_seed(trial, prices(unit_trial(trial)), compute)
    except (Unpriced, Unpriceable):
        return {}


def is_ready(cell: Cell) -> bool:
    """Return whether a cell can run: it fits, and its dials are solved for."""
    return cell.outcome is None and not cell.prices


def count_price_flops(trials: Iterable[Trial], prices: PriceList) -> dict[str, int]:
    """Return the FLOPs of training and consolidation of the stages of price trials, by key."""
    of_seeds = (of_seed for trial in trials for of_seed in prices(trial))
    return {price.key: price.stage_flops for of_seed in of_seeds for price in of_seed}


def set_dials(cell: Cell, trial: Trial) -> Trial:
    """Return a trial with the dials and the budgets of a cell.

    The budgets are part of its configuration and of its id. So a method without dials has a trial
    in each cell; they share their stages.
    """
    budgets = {"storage_bytes": cell.storage, "compute": cell.compute}
    means: dict[str, object] = {k: value for k, value in budgets.items() if value is not None}
    if cell.storage is not None and cell.backbone == "apart":
        means["backbone"] = cell.backbone
    selection = {**trial.selection, "means": means}
    # Where a memory is solved for, its budget bounds it.
    bound = None if cell.outcome or cell.memory is not None else bound_bytes(trial)
    trial = replace(trial, selection=selection, budgets=cell.budgets, storage_bound=bound)
    if cell.memory is not None:
        trial = replace(set_memory(trial, cell.memory), dial=memory_dial(trial, cell.memory))
    if cell.step_budgets:
        return set_step_budgets(trial, cell.step_budgets)
    return set_steps(trial, cell.steps) if cell.steps else trial


def describe_cell(cell: Cell) -> str:
    """Return the reason that a cell is not run; without computation if storage is the reason."""
    status, story = cell.outcome or ("", "")
    by_storage = status == INFEASIBLE and not story.startswith("task ")
    judged = replace(cell, compute=None) if by_storage else cell
    return f"{status}: {cell.trial.method.name} at {describe_budgets(judged)}: {story}"


def describe_budgets(cell: Cell) -> str:
    """Return the budgets of a cell as text: `20,000 B and 3 x fine-tuning`."""
    budgets = [] if cell.storage is None else [f"{cell.storage:,} B"]
    if cell.compute is not None:
        budgets.append(fine_tuning_text(cell.compute))
    return " and ".join(budgets)

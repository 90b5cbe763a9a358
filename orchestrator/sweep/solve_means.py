"""Solve a sweep with means: its trials and groups become those of its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from orchestrator.errors import RepertoireError
from orchestrator.sweep.group import Group
from orchestrator.sweep.group_names import name_groups
from orchestrator.sweep.means.alike_seeds import priced_seeds
from orchestrator.sweep.means.candidates import solve_candidates
from orchestrator.sweep.means.cells import PriceList, describe_cell, is_ready, solve_cell
from orchestrator.sweep.means.chain_prices import TaskPrices
from orchestrator.sweep.means.means import LARGEST, Means
from orchestrator.sweep.means.prices import PriceRecords, Unpriced, read_prices
from orchestrator.sweep.means.replaced import distinct_trials
from orchestrator.sweep.means.storage import carried_bytes, counted_bytes
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial


def solve_sweep(sweep: Sweep, records: PriceRecords) -> Sweep:
    """Return a sweep with the trials and groups of its cells; itself if it has no means.

    Cells whose prices are not stored yet have no trial; see `missing_prices`.

    Raises:
        RepertoireError: no method fits in any cell, or a search would need several dials in one.
    """
    if sweep.means is None:
        return sweep
    solved = solve_cells(sweep, sweep.means, price_list(records))
    if not solved.trials and not solved.groups and not missing_prices(solved):
        lines = "\n".join(dict.fromkeys(f"  - {describe_cell(cell)}" for cell in solved.cells))
        raise RepertoireError(f"{sweep.name}: no method fits its means in any cell:\n{lines}")
    return solved


def solve_cells(sweep: Sweep, means: Means, prices: PriceList) -> Sweep:
    """Return a sweep with the trials and groups of its cells, as far as prices are known."""
    trials = [*sweep.trials, *(group.first_trial(sweep.seeds) for group in sweep.groups)]
    budgets = [*budget_pairs(means, trials)]
    own = [
        solve_cell(trial, *pair, prices, means.backbone)
        for trial in distinct_trials(sweep.trials, means)
        for pair in budgets
    ]
    cells = [*own]
    seeds = () if sweep.search is None else sweep.search.seeds
    groups: list[Group] = []
    for group in sweep.groups:
        for pair in budgets:
            examples = group.example_trials(sweep.seeds)
            cell = solve_candidates(examples, *pair, prices, means.backbone, seeds)
            cell = replace(cell, space=group.space)
            cells.append(cell)
            groups += [replace(group, cell=cell)] if is_ready(cell) else []
    ready = tuple(cell.trial for cell in own if is_ready(cell))
    return replace(sweep, trials=ready, groups=tuple(name_groups(groups)), cells=tuple(cells))


def budget_pairs(
    means: Means, trials: Sequence[Trial]
) -> Iterator[tuple[int | None, float | None]]:
    """Yield the pairs of budgets, with the bytes of the dearest trial where they are meant."""
    largest = None
    if LARGEST in means.storage:
        # Anchors (joint) carry all data: the largest of the others is meant.
        named = (trial for trial in trials if trial.method.name not in means.anchors)
        carried = (carried_bytes(each, seed) for each in named for seed in priced_seeds(each))
        largest = max(sum(counted_bytes(each, means.backbone).values()) for each in carried)
    for storage, compute in means.cells:
        yield largest if storage == LARGEST else storage, compute


def missing_prices(sweep: Sweep) -> tuple[Trial, ...]:
    """Return the price trials that a solved sweep still lacks, each once, on all of its seeds."""
    missing: dict[str, Trial] = {}
    for trial in (trial for cell in sweep.cells for trial in cell.prices):
        # Where a method is searched, the unit of computation is priced on further seeds.
        before = missing.setdefault(trial.identity, trial)
        if before.seeds != trial.seeds:
            seeds = tuple(dict.fromkeys((*before.seeds, *trial.seeds)))
            missing[trial.identity] = replace(before, seeds=seeds)
    return tuple(missing.values())


def price_trials(sweep: Sweep) -> tuple[Trial, ...]:
    """Return all price trials of a sweep, as its file is."""
    if sweep.means is None:
        return ()

    def no_prices(trial: Trial) -> tuple[TaskPrices, ...]:
        raise Unpriced

    return missing_prices(solve_cells(sweep, sweep.means, no_prices))


def price_keys(sweep: Sweep) -> set[str]:
    """Return the keys of the stages of all price trials of a sweep."""
    trials = ((trial, seed) for trial in price_trials(sweep) for seed in trial.seeds)
    return {stage.key for trial, seed in trials for stage in trial.stages(seed)}


def price_list(records: PriceRecords) -> PriceList:
    """Return a function that reads the prices of each price trial once."""
    known: dict[tuple[str, tuple[int, ...]], tuple[TaskPrices, ...]] = {}

    def prices(trial: Trial) -> tuple[TaskPrices, ...]:
        name = trial.identity, trial.seeds
        if name not in known:
            known[name] = read_prices(trial, records)
        return known[name]

    return prices

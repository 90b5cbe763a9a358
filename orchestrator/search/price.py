"""Count the prices that a sweep with means lacks, and solve for its dials."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import Evaluation
from orchestrator.graph.events import Event, Instruction
from orchestrator.graph.plan import Plan, plan
from orchestrator.results.folder.observer import Show, initial_progress, note_outcome
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.stages.storage.record_cache import Records
from orchestrator.sweep.solve_means import missing_prices, price_keys, solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial


def count_prices(
    sweep: Sweep, tables: Tabulator, backend: Backend, brake: Brake, show: Show
) -> Sweep:
    """Compute the price stages that a sweep lacks; return it solved, as far as the brake let it.

    Args:
        sweep: as its file is; returned as it is if it has no means.
        tables: of the sweep; the price stages are registered with its store, and have no rows.
        backend: computes stages.
        brake: once pulled, no new stage starts.
        show: called with the progress.
    """
    if sweep.means is None:
        return sweep
    solved = solve_sweep(sweep, tables.records)
    if missing := missing_prices(solved):
        prices = price_plan(sweep, missing, tables.records)
        tables.add_keys(prices.orders)
        tables.require_writable()
        progress = initial_progress(prices)
        show(progress)

        def observe(news: Event | Instruction) -> None:
            note_outcome(news, tables)
            progress.count(news)
            show(progress)

        backend.compute(Evaluation(prices), sweep, tables.store, observe, brake)
        solved = solve_sweep(sweep, tables.records)
    tables.further_keys |= price_keys(sweep)
    return solved


def unpriced_cells(sweep: Sweep, solved: Sweep) -> int:
    """Return the number of cells of a search that have no group yet, since prices are missing.

    Args:
        sweep: as its file is.
        solved: as from `solve_sweep`, whose cells are those of all trials, then those of groups.
    """
    if sweep.means is None:
        return 0
    each = len(solved.cells) // (len(sweep.trials) + len(sweep.groups))
    return sum(bool(cell.prices) for cell in solved.cells[each * len(sweep.trials) :])


def price_plan(sweep: Sweep, prices: tuple[Trial, ...], records: Records) -> Plan:
    """Return the plan of price trials."""
    return plan(replace(sweep, trials=prices, groups=(), cells=(), means=None), records)

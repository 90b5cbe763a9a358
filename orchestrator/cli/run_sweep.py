"""A sweep from its search, if it has one, to the evaluation of its trials and winners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.backends import factory
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import CreateQueue, FirstInFirstOut
from orchestrator.graph.features import bodies_in_steps, feature_states
from orchestrator.graph.plan import Plan, plan
from orchestrator.graph.progress import Progress
from orchestrator.graph.progress_file import ProgressFile
from orchestrator.results.folder.observer import Show
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.search.create import create_study
from orchestrator.search.evaluate import evaluate
from orchestrator.search.forecast import Row, forecast
from orchestrator.search.price import price_plan, unpriced_cells
from orchestrator.search.search import search
from orchestrator.search.winners import ChainStages, Winner
from orchestrator.stages.stage import Chain
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.solve_means import missing_prices, solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial_chain import trial_chain
from orchestrator.terminal.describe import body_rows, feature_rows

NOTHING_LEFT = "nothing is left to compute"


@dataclass(frozen=True)
class SweepOutcome:
    """The outcome of a sweep.

    Attributes:
        search: where the search ended, if there was one.
        evaluation: where the evaluation ended.
        missing_winners: a line for each group without a winner that says why.
        complete: whether the search, if any, is complete.
        notes: what a reader should know of how the sweep was searched.
        unpriced: number of prices that a sweep with means lacks.
    """

    search: Progress | None
    evaluation: Progress
    missing_winners: list[str]
    complete: bool
    notes: tuple[str, ...] = ()
    unpriced: int = 0


@dataclass(frozen=True)
class Screen:
    """Callbacks for output while a sweep runs.

    Attributes:
        show: called with the progress.
        show_plan: called with the plan of the evaluation before it begins.
    """

    show: Show = lambda progress: None
    show_plan: Callable[[Plan], None] = lambda plan: None


def run_sweep(
    sweep: Sweep,
    tables: Tabulator,
    backend: Backend,
    brake: Brake,
    screen: Screen = Screen(),
    create_queue: CreateQueue = FirstInFirstOut,
) -> SweepOutcome:
    """Search and evaluate a sweep, as far as the brake lets it.

    Args:
        sweep: one with means has its dials solved for, see `count_prices`.
        tables: of the sweep.
        backend: computes stages.
        brake: once pulled, no new stage starts.
        screen: shows the plan and the progress.
        create_queue: creates the queue of the trials of the evaluation.
    """
    study = create_study(sweep, tables.store, tables.folder, factory)
    tables.prepare(sweep)
    search_progress: Progress | None = None
    rows: list[Chain] = []
    winners: list[ChainStages] = []
    if study is not None:
        search_progress = search(study, sweep, tables, backend, screen.show, brake)
        rows = [chain for chain, _ in study.chains(study.complete)]
        winners = winner_chains(sweep, study.winners()) if study.complete else []

    def register(chains: tuple[Chain, ...]) -> None:
        # Before the store is read, so that `store gc` spares what the plan counts on.
        tables.chains = (*rows, *chains)
        tables.register()

    evaluation_plan = plan(sweep, tables.records, winners, before_reading=register)
    screen.show_plan(evaluation_plan)
    evaluation = evaluate(evaluation_plan, tables, backend, screen.show, brake, create_queue)
    unpriced = len(missing_prices(sweep))
    complete = (study is None or study.complete) and not unpriced
    outcome = SweepOutcome(
        search=search_progress,
        evaluation=evaluation,
        missing_winners=study.missing_winners() if study and complete else [],
        complete=complete,
        notes=tuple(study.notes) if study else (),
        unpriced=unpriced,
    )
    close_sweep(outcome, tables)
    return outcome


def close_sweep(outcome: SweepOutcome, tables: Tabulator) -> None:
    """Note in the folder of a sweep whether its end was reached."""
    if not outcome.complete or outcome.missing_winners:
        # Else the file would show the end of the evaluation, as if the search, or the prices of its
        # trials, were complete, or a group whose candidates failed had a winner.
        last = outcome.search or outcome.evaluation
        ProgressFile(tables.folder, tables.store.uri).close(last, complete=False)
    if outcome.complete and not outcome.evaluation.num_missing:
        tables.withdraw_others()


def plan_sweep(sweep: Sweep, store: StageStore, folder: Path) -> tuple[Plan, list[Row]]:
    """Return the plan of the evaluation and the forecast of the search; nothing is written.

    The plan has the winners of the search once that is complete. Of a sweep with means it has the
    trials whose dials could be solved for with the prices in the store.
    """
    rows = [*feature_rows(feature_states(sweep, store)), *body_rows(bodies_in_steps(sweep))]
    unsolved, sweep = sweep, solve_sweep(sweep, store)
    study = create_study(sweep, store, folder, factory, read_only=True)
    winners: list[ChainStages] = []
    if study is not None:
        study.replay()
        winners = winner_chains(sweep, study.winners()) if study.complete else []
        rows += forecast(study, unpriced_cells(unsolved, sweep))
    elif waiting := sum(bool(cell.prices) for cell in sweep.cells):
        rows.append(("cells", f"{waiting} to solve for once their prices are counted"))
    planned = plan(sweep, store, winners)
    searched = study is None or study.complete
    if searched and not planned.stages_to_run and not missing_prices(sweep):
        rows.append(("note", NOTHING_LEFT))
    return planned, rows


def pending_orders(sweep: Sweep, store: StageStore, folder: Path) -> list[StageOrder]:
    """Return the stages that a run would compute first: for prices, of the search, or of trials.

    Nothing is written. [] if nothing is left to compute.
    """
    sweep = solve_sweep(sweep, store)
    if prices := missing_prices(sweep):
        return [*price_plan(sweep, prices, store).orders.values()]
    study = create_study(sweep, store, folder, factory, read_only=True)
    winners: list[ChainStages] = []
    if study is not None:
        study.replay()
        if not study.complete:
            return [*study.orders.values()]
        winners = winner_chains(sweep, study.winners())
    evaluation_plan = plan(sweep, store, winners)
    return [evaluation_plan.orders[key] for key in evaluation_plan.stages_to_run]


def winner_chains(sweep: Sweep, winners: list[Winner]) -> list[ChainStages]:
    """Return the chains that winners are evaluated on: the seeds of the sweep, or their own."""
    chains = []
    for winner in winners:
        schedules = winner.trial.schedules
        seeds = tuple(seed for seed in sweep.seeds if not schedules or seed in schedules)
        trial = replace(winner.trial, seeds=seeds)
        chains += [
            trial_chain(
                sweep.name, trial, seed, selected=True, rows=sweep.evaluate, **winner.columns
            )
            for seed in seeds
        ]
    return chains

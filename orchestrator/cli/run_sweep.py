"""A sweep from its search, if it has one, to the evaluation of its trials and winners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.backends import strategies
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend
from orchestrator.graph.evaluation import FirstInFirstOut, QueueOf
from orchestrator.graph.plan import Plan, plan
from orchestrator.graph.progress import Progress, ProgressFile
from orchestrator.results.folder import Show, Tabulator
from orchestrator.search.evaluate import evaluate
from orchestrator.search.forecast import forecast
from orchestrator.search.journal import FILE, Journal
from orchestrator.search.per_task import PerTaskStudy
from orchestrator.search.run import search
from orchestrator.search.score import Scorer
from orchestrator.search.study import Study, Winner, study_of
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.store import StageStore
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import chain_of


@dataclass(frozen=True)
class Outcome:
    """The outcome of a sweep.

    Attributes:
        search: where the search ended, if there was one.
        evaluation: where the evaluation ended.
        lost: why no candidate was chosen, a line for each group where that is so.
        complete: whether the search, if any, came to its end.
        notes: what a reader should know of how it was searched.
    """

    search: Progress | None
    evaluation: Progress
    lost: list[str]
    complete: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Screen:
    """What is called while a sweep runs.

    Attributes:
        show: called with where the sweep stands.
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
    queue_of: QueueOf = FirstInFirstOut,
) -> Outcome:
    """Search and evaluate a sweep, as far as the brake lets it.

    Args:
        sweep: what is asked for.
        tables: of the sweep.
        backend: computes stages.
        brake: once pulled, no new stage starts.
        screen: called with where the sweep stands.
        queue_of: creates the queue of the trials of the evaluation.
    """
    searching = searching_of(sweep, tables.store, tables.folder)
    tables.prepare(sweep)
    searched: Progress | None = None
    rows: list[Chain] = []
    won: list[tuple[Chain, tuple[Stage, ...]]] = []
    if searching is not None:
        searched = search(searching, sweep, tables, backend, screen.show, brake)
        rows = [chain for chain, _ in searching.chains(searching.complete)]
        won = evaluated(sweep, searching.winners()) if searching.complete else []
    evaluation_plan = plan(sweep, tables.store, won)
    screen.show_plan(evaluation_plan)
    tables.chains = (*rows, *evaluation_plan.chains)
    evaluation = evaluate(evaluation_plan, tables, backend, screen.show, brake, queue_of)
    complete = searching is None or searching.complete
    if searched is not None and not complete:  # the evaluation's end is not the sweep's
        ProgressFile(tables.folder).close(searched, complete=False)
    lost = searching.lost() if searching and complete else []
    notes = tuple(searching.notes) if searching else ()
    return Outcome(searched, evaluation, lost, complete, notes)


def searching_of(
    sweep: Sweep, store: StageStore, folder: Path, read_only: bool = False
) -> Study | PerTaskStudy | None:
    """Return the search of a sweep, if it has one, with the journal of its folder."""
    if sweep.search is None:
        return None
    scorer = Scorer(store, sweep.search.objective)
    if sweep.search.per_task:
        return PerTaskStudy.of(sweep, sweep.search, scorer)
    return study_of(sweep, scorer, Journal(folder / FILE, read_only), strategies)


def foreseen(sweep: Sweep, store: StageStore, folder: Path) -> tuple[Plan, list[tuple[str, str]]]:
    """Return the plan of a sweep and figures of its search; touches nothing."""
    searching = searching_of(sweep, store, folder, read_only=True)
    if searching is None:
        return plan(sweep, store), []
    searching.begin()
    return plan(sweep, store), forecast(searching)


def evaluated(sweep: Sweep, winners: list[Winner]) -> list[tuple[Chain, tuple[Stage, ...]]]:
    """Return the chains that winners are evaluated on: the seeds of the sweep, or their own."""
    found = []
    for winner in winners:
        seeds = winner.trial.seeds if winner.trial.adaptive else sweep.seeds
        trial = replace(winner.trial, seeds=seeds)
        found += [chain_of(sweep.name, trial, seed, selected=True, **winner.more) for seed in seeds]
    return found

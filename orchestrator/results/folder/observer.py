"""Progress and tables of a running sweep, brought up to date by its events."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.graph.driver import Observer
from orchestrator.graph.events import ChainAdvanced, ChainEnded, Event, Instruction
from orchestrator.graph.plan import Plan, chain_id
from orchestrator.graph.progress import Progress
from orchestrator.graph.progress_file import ProgressFile
from orchestrator.graph.wanted_stages import WantedStages
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.stages.outcomes import StageDiverged, StageDone, StageFailed

Show = Callable[[Progress], None]


def create_observer(
    progress: Progress,
    tables: Tabulator,
    show: Show,
    before: Callable[[], None] = lambda: None,
) -> Observer:
    """Return a function that counts each event in the progress, and writes tables and progress.

    Args:
        progress: the progress.
        tables: the tables.
        show: called with the progress.
        before: updates the progress and the chains of the tables before they are written.
    """
    file = ProgressFile(tables.folder, tables.store.uri)

    def observe(news: Event | Instruction) -> None:
        note_outcome(news, tables)
        progress.count(news)
        if isinstance(news, ChainAdvanced | ChainEnded) and tables.is_due():
            tables.refresh(before)
        file.show(progress)
        show(progress)

    return observe


def note_outcome(news: Event | Instruction, tables: Tabulator) -> None:
    """Note a stage that was computed, or store the story of one that failed."""
    if isinstance(news, StageDone | StageDiverged):
        tables.written.add(news.key)
    if isinstance(news, StageFailed):
        # A failed stage leaves no record; its story is all that tables can tell of it.
        worker = None if news.worker is None else vars(news.worker)
        tables.store.put_failure(news.key, news.story, worker)


def initial_progress(plan: Plan) -> Progress:
    """Return the progress of a sweep before it runs."""
    waiting: dict[str, set[int]] = {}
    for chain in plan.unfinished_chains:
        waiting.setdefault(chain.trial_id, set()).add(chain.seed)
    trials, to_run = {chain.trial_id for chain in plan.chains}, set(plan.stages_to_run)
    wanted = {chain_id(chain): to_run.intersection(chain.keys) for chain in plan.unfinished_chains}
    return Progress(
        trials=len(trials),
        asked_for=plan.stages_requested,
        to_go=len(to_run),
        shared=plan.stages_requested - len(to_run),
        trials_done=len(trials - waiting.keys()),
        _waiting=waiting,
        _wanted=WantedStages(wanted),
    )

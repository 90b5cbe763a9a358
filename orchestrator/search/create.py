"""The creation of a sweep's search, and the identity under which its journal is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from orchestrator.hashing import digest
from orchestrator.search.draws import Draws
from orchestrator.search.group_search import GroupSearch
from orchestrator.search.group_state import GroupState
from orchestrator.search.journal import FILE, Journal
from orchestrator.search.per_task import PerTaskStudy
from orchestrator.search.ports import Sampler, Scheduler
from orchestrator.search.score import ScoredRecords, Scorer
from orchestrator.search.seed_selection import SeedSelection
from orchestrator.search.study import Study
from orchestrator.search.validation import require_validation
from orchestrator.seeding import derive_seed
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.sweep import Sweep


class Factory(Protocol):
    """Creates the samplers and schedulers that a sweep names."""

    def create_sampler(self, search: Search, group: Group, seed: int) -> Sampler:
        """Return the sampler for a group."""

    def create_scheduler(self, search: Search, group: Group, goal: int, seed: int) -> Scheduler:
        """Return a scheduler for candidates that learn `goal` tasks."""


def create_study(
    sweep: Sweep, store: ScoredRecords, folder: Path, factory: Factory, read_only: bool = False
) -> Study | PerTaskStudy | None:
    """Return the search of a sweep, or None if it has none.

    Args:
        sweep: the sweep.
        store: holds the records of stages.
        folder: the results folder, which holds the journal.
        factory: creates samplers and schedulers.
        read_only: read the journal, but do not write to it.

    Raises:
        RepertoireError: a task has no validation examples, or a sampler or scheduler cannot be
            created.
    """
    search = sweep.search
    if search is None:
        return None
    require_validation(sweep)
    scorer = Scorer(store, search.objective)
    if search.is_per_task:
        # Without a journal, since each choice follows from records of the store.
        margin = search.algorithm.margin
        selections = [
            SeedSelection(group, seed, margin, scorer)
            for group in sweep.groups
            for seed in sweep.seeds
        ]
        return PerTaskStudy(sweep, search, selections)
    journal = Journal(folder / FILE, read_only)
    searches = [
        create_group_search(group, search, scorer, journal, factory) for group in sweep.groups
    ]
    return Study(sweep, searches)


def create_group_search(
    group: Group, search: Search, scorer: Scorer, journal: Journal, factory: Factory
) -> GroupSearch:
    """Return the search of a group; its seed is derived from its identity.

    A search that was started with the default of an earlier release keeps that default.
    """
    identity, former = search_identity(group, search), False
    if search.former_scheduler is not None:
        as_begun = replace(search, scheduler=search.former_scheduler, former_scheduler=None)
        former_identity = search_identity(group, as_begun)
        if journal.identity(group.name) == former_identity:
            search, identity, former = as_begun, former_identity, True
    # From the identity: the same search draws the same in any folder and under any name.
    seed = derive_seed(0, "search", identity)

    def create_scheduler(stratum: str, goal: int) -> Scheduler:
        return factory.create_scheduler(search, group, goal, derive_seed(seed, stratum))

    sampler = factory.create_sampler(search, group, seed)
    draws = Draws(sampler, search.num_trials, search.parallel)
    state = GroupState(group, search, draws, create_scheduler)
    return GroupSearch(state, identity, scorer, journal, former)


def search_identity(group: Group, search: Search) -> str:
    """Return a digest of all that candidates and their results depend on.

    The number of trials is left out, so that a search may be made longer. The keys of a trial of
    the group stand for its code, its data and what all candidates have in common.
    """
    first = group.first_trial(search.seeds)
    keys = [stage.key for seed in search.seeds for stage in first.stages(seed)]
    algorithm, scheduler = search.algorithm, search.scheduler
    how = [
        type(algorithm).__name__,
        algorithm,
        type(scheduler).__name__,
        scheduler,
        search.objective,
        search.on_tasks,
        search.parallel,
    ]
    return digest("search", [how, keys, group.describe()])

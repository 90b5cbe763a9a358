"""Replays the sweeps of results folders: all their chains, without computing anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator.backends import factory
from orchestrator.cli.run_sweep import winner_chains
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import drive
from orchestrator.graph.events import Event
from orchestrator.results.folder.places import is_sweep_folder
from orchestrator.results.tables.sweep_folders import refuse_pipes
from orchestrator.search.create import create_study
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.storage.record_cache import ReadableRecords
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder
from orchestrator.sweep.solve_means import solve_sweep
from orchestrator.sweep.sweep import Sweep


def replay_chains(
    sweep: Sweep, store: StageStore, folder: Path
) -> Iterator[tuple[Chain, tuple[Stage, ...]]]:
    """Yield all chains of a sweep: its trials, its candidates as far as stored, its winners.

    A search is replayed as far as this release can read its records.
    """
    sweep = solve_sweep(sweep, ReadableRecords(store))
    yield from sweep.chains()
    study = create_study(sweep, ReadableRecords(store), folder, factory, read_only=True)
    if study is not None:
        drive(study, NoWorkers(), lambda news: None, Brake())
        yield from study.chains(study.complete)
        if study.complete:
            yield from winner_chains(sweep, study.winners())


class NoWorkers:
    """Workers that compute nothing, so that a search is replayed as far as it is stored."""

    def slots(self) -> int:
        """Return zero."""
        return 0

    def submit(self, order: StageOrder) -> None:
        """Never called, as there are no slots."""

    def wait(self) -> list[Event]:
        """Return nothing."""
        return []


def list_sweep_folders(dir: Path) -> list[Path]:
    """Return the folders of single sweeps.

    Raises:
        RepertoireError: there is none.
    """
    folders = [dir] if is_sweep_folder(dir) else []
    folders = folders or sorted(path.parent for path in dir.glob("*/sweep.yaml"))
    if not folders:
        raise RepertoireError(f"{dir} holds no results; name the folder of a finished sweep")
    for folder in folders:
        refuse_pipes(folder)
    return folders

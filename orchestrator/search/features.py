"""Compute the features that a sweep lacks, before its trials."""

from __future__ import annotations

from orchestrator.graph.brake import Brake
from orchestrator.graph.driver import Backend
from orchestrator.graph.events import Event, Instruction
from orchestrator.graph.features import FeatureClient, feature_states, stored_keys
from orchestrator.graph.progress import Progress
from orchestrator.results.folder.observer import Show, note_outcome
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.stages.features.feature_task import shard_tasks
from orchestrator.sweep.sweep import Sweep


def compute_features(
    sweep: Sweep, tables: Tabulator, backend: Backend, brake: Brake, show: Show
) -> None:
    """Compute the features that a sweep lacks, as far as the brake lets it.

    Args:
        sweep: the sweep.
        tables: of the sweep; features are registered with its store, and have no rows.
        backend: computes shards, each with the resources of a stage.
        brake: once pulled, no new shard starts.
        show: called with the progress.
    """
    states = feature_states(sweep, tables.records)
    if not states:
        return
    tables.further_keys |= {each.features.digest for each in states}
    tables.add_keys(tables.further_keys)
    wanted = [each.features for each in states if not each.is_stored]
    if not wanted:
        return
    shards = [task.key for features in wanted for task in shard_tasks(features)]
    stored = stored_keys(shards, tables.records)
    client = FeatureClient(sweep.name, wanted, stored)
    tables.add_keys(client.orders)
    tables.require_writable()
    count = len(client.orders)
    progress = Progress("features", len(wanted), count, to_go=count - len(stored))
    show(progress)

    def observe(news: Event | Instruction) -> None:
        note_outcome(news, tables)
        progress.count(news)
        show(progress)

    backend.compute(client, sweep, tables.store, observe, brake)

"""Features made available to the stages of a process: mapped from the store, or computed."""

from __future__ import annotations

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.benchmarks.sources.feature_set import ATTACHED, FeatureSet
from orchestrator.errors import RepertoireError
from orchestrator.stages.features.feature_inputs import feature_sets
from orchestrator.stages.features.feature_task import (
    FeatureTask,
    join_task,
    run_feature_task,
    shard_tasks,
)
from orchestrator.stages.storage.lease_holding import hold_lease, open_leases
from orchestrator.stages.storage.mapped import map_state
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.this_worker import stage_note

Computed = tuple[str, str, int]


def attach_features(
    benchmark: Benchmark,
    store: StageStore,
    computed_for: Computed,
    device: str = "cpu",
    owner: str | None = None,
) -> None:
    """Make the features of a benchmark available in this process; those missing are computed.

    Usually all were computed before the first stage, see `search.features`.

    Args:
        benchmark: of a stage.
        store: where features are kept.
        computed_for: (sweep, trial_id, seed) to note in their records.
        device: "cpu" or "cuda".
        owner: of leases; None takes none.
    """
    for features in feature_sets(benchmark):
        if features.digest in ATTACHED or _open(features, store):
            continue
        for task in (*shard_tasks(features), join_task(features)):
            find_or_compute(task, store, computed_for, device, owner)
        if not _open(features, store):
            raise RepertoireError(f"the features {features.name} cannot be read in {store.address}")


def find_or_compute(
    task: FeatureTask,
    store: StageStore,
    computed_for: Computed,
    device: str,
    owner: str | None = None,
) -> bool:
    """Compute a task unless the store has it, or the features as a whole; return whether."""
    if _is_stored(task, store):
        return False
    if owner is None:
        run_feature_task(task, store, computed_for, device)
        return True
    leases = open_leases(store.files, store.folder)
    note = stage_note(computed_for, None, device)
    with hold_lease(leases, task.key, owner, lambda: _is_stored(task, store), note=note):
        if _is_stored(task, store):  # by another process meanwhile
            return False
        run_feature_task(task, store, computed_for, device)
        return True


def _is_stored(task: FeatureTask, store: StageStore) -> bool:
    keys = (task.key, task.features.digest)
    return any(store.record(key, fresh=True) is not None for key in keys)


def _open(features: FeatureSet, store: StageStore) -> bool:
    """Map features that are stored; return whether they are."""
    state = map_state(features.digest, store)
    if state is None:
        return False
    ATTACHED[features.digest] = (state["train"], state["test"])
    return True

"""Runs one stage against the store, in any process, and returns its outcome."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import dataclass, replace
from typing import Literal

import torch

from orchestrator.stages.features.attach import attach_features, find_or_compute
from orchestrator.stages.features.feature_task import FeatureTask
from orchestrator.stages.fused.run_group import run_group
from orchestrator.stages.outcomes import (
    ParentLost,
    StageDiverged,
    StageDone,
    StageFailed,
    StageOutcome,
    failure_story,
)
from orchestrator.stages.record import Record
from orchestrator.stages.run_stage import evaluate_state, run_stage
from orchestrator.stages.same_input import (
    require_same_code,
    require_same_data,
    require_same_function,
)
from orchestrator.stages.siblings import is_fused
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.lease_holding import hold_lease, open_leases
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.this_worker import stage_note, this_worker


@dataclass(frozen=True)
class StageOrder:
    """A stage to run, and the trial that its record names.

    Attributes:
        stages: the stage; more than once if benchmarks with other tasks share it (same key). Or
            a `FeatureTask`.
        computed_for: (sweep, trial_id, seed).
    """

    stages: tuple[Stage, ...]
    computed_for: tuple[str, str, int]

    @property
    def key(self) -> str:
        """The stage's key."""
        return self.stages[0].key


def extend_order(
    order: StageOrder | None, computed_for: tuple[str, str, int], stage: Stage
) -> StageOrder:
    """Return an order extended by a stage of the same key that is evaluated on other tasks."""
    if order is None:
        return StageOrder((stage,), computed_for)
    # Its scores are among those that are asked for already.
    if any(set(stage.task_keys) <= set(other.task_keys) for other in order.stages):
        return order
    return StageOrder((*order.stages, stage), order.computed_for)


def compute_order(
    order: StageOrder, store: StageStore, device: str = "cpu", owner: str | None = None
) -> StageOutcome:
    """Compute a stage from the store into the store; any error becomes an outcome.

    Args:
        order: the stage.
        store: a stage is computed under its lease; one that another command computes is waited
            for.
        device: "cpu" or "cuda".
        owner: of leases, a name that no other command has; None takes none.
    """
    try:
        with chdir("."):  # a user's code may change the folder
            outcomes = [
                find_or_run(stage, order.computed_for, store, device, owner)
                for stage in order.stages
            ]
        # One outcome for one key: the first that is not done, if there is one.
        return next((each for each in outcomes if not isinstance(each, StageDone)), outcomes[0])
    # The edge of the user's code: a failed stage must not end the sweep, nor may sys.exit.
    except (Exception, SystemExit) as error:
        return StageFailed(
            order.key, failure_story(error), this_worker(device), exhausted_memory(error)
        )


def exhausted_memory(error: BaseException) -> Literal["", "memory", "gpu"]:
    """Return the memory that an error says is exhausted: the host's, the GPU's, or neither."""
    if isinstance(error, torch.OutOfMemoryError):
        return "gpu"
    refused = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    return "memory" if refused or isinstance(error, MemoryError) else ""


def find_or_run(
    stage: Stage | FeatureTask,
    computed_for: tuple[str, str, int],
    store: StageStore,
    device: str,
    owner: str | None = None,
) -> StageOutcome:
    """Find a stage in the store, complete its scores, or run it; or a task that makes features."""
    if isinstance(stage, FeatureTask):
        computed = find_or_compute(stage, store, computed_for, device, owner)
        return StageDone(stage.key, "computed" if computed else "none")
    require_same_input(stage)
    if owner is None:
        return find_stored(stage, store, device) or run_missing(stage, computed_for, store, device)
    leases = open_leases(store.files, store.folder)
    with hold_lease(
        leases,
        stage.key,
        owner,
        lambda: store.record(stage.key, fresh=True) is not None,
        note=stage_note(computed_for, stage.after, device),
    ):
        # Another process may have stored it since the stage was asked for.
        stored = find_stored(stage, store, device)
        return stored or run_missing(stage, computed_for, store, device, owner)


def require_same_input(stage: Stage) -> None:
    """Raise unless this process has the code and the data that a stage's key was made of."""
    require_same_code(stage)
    require_same_function(stage)
    require_same_data(stage)


def find_stored(stage: Stage, store: StageStore, device: str) -> StageOutcome | None:
    """Return the outcome of a stored stage, after scoring what it lacks; None if none is stored."""
    # Without tasks, so that a record that lacks scores is completed and not computed again.
    if store.record(stage.key) is None:
        return None
    record = store.record(stage.key, stage.task_keys)
    if record is not None:
        return stored_outcome(record, "none")
    return StageDone(stage.key, "scored") if score_missing_tasks(stage, store, device) else None


def run_missing(
    stage: Stage,
    computed_for: tuple[str, str, int],
    store: StageStore,
    device: str,
    owner: str | None = None,
) -> StageOutcome:
    """Run a stage and store it."""
    # The graph asks for a stage once its parent is stored, perhaps by another host.
    parent = store.state(stage.parent, written=True) if stage.parent else None
    # Not a failure: the graph computes the parent again, and then this stage.
    if stage.parent and parent is None:
        return ParentLost(stage.key)
    attach_features(stage.benchmark, store, computed_for, device, owner)
    # Alone in its group, since its key says that it was computed as siblings are: the same bits.
    if is_fused(stage) and parent is not None:
        ((state, record),) = run_group([stage], [parent], [computed_for], device)
    else:
        state, record = run_stage(stage, parent, computed_for, device)
    store.put(state, record)
    outcome = stored_outcome(record, "computed")
    if isinstance(outcome, StageDone) and stage.after:
        share, busy = record.costs.gpu_memory_share, record.costs.gpu_utilisation
        outcome = replace(outcome, gpu_share=share or 0.0, gpu_utilisation=busy)
    return outcome


def stored_outcome(record: Record, work: Literal["computed", "none"]) -> StageOutcome:
    """Return the outcome of a stored record."""
    if record.status == "diverged":
        return StageDiverged(record.key, record.story)
    return StageDone(record.key, work)


def score_missing_tasks(stage: Stage, store: StageStore, device: str) -> bool:
    """Score a stored state on the tasks its record lacks; False if there is no such state."""
    record = store.record(stage.key)
    state = None if record is None else store.state(stage.key)
    if record is None or state is None:
        return False
    missing = tuple(key for key in stage.task_keys if key not in record.evaluation)
    attach_features(stage.benchmark, store, record.computed_for, device)
    store.put_evaluation(stage.key, evaluate_state(stage, state, missing, device))
    return True

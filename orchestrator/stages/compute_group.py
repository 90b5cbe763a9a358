"""Computes a group of siblings from the store into the store, each under its lease."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager

from orchestrator.stages.fused.run_group import run_group
from orchestrator.stages.outcomes import Key, StageDone, StageFailed, StageOutcome, failure_story
from orchestrator.stages.run_stage import State
from orchestrator.stages.storage.lease_holding import hold_free_lease, open_leases
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.this_worker import stage_note
from orchestrator.stages.worker import (
    StageOrder,
    compute_order,
    require_same_input,
    stored_outcome,
)

Compute = Callable[[StageOrder, StageStore, str, str | None], StageOutcome]


def compute_group(
    orders: Sequence[StageOrder],
    store: StageStore,
    device: str = "cpu",
    owner: str | None = None,
    compute: Compute = compute_order,
) -> list[StageOutcome]:
    """Compute siblings; return their outcomes in order.

    Those that the store lacks, whose parents it has, and that no other command computes, are
    trained together. If that raises, each stage that is not stored is computed by itself, so that
    only the stage at fault fails; if none fails, the error is logged.

    Args:
        orders: stages with one `siblings.sibling_key`.
        store: where they are kept.
        device: "cpu" or "cuda".
        owner: of the leases, as in `worker.compute_order`.
        compute: computes a single order.
    """
    outcomes, error = list[StageOutcome](), None
    try:
        computed = compute_together(orders, store, device, owner)
    # To compute each by itself shows which of them is at fault.
    except (Exception, SystemExit) as raised:
        computed, error = {}, raised
    for order in orders:
        outcome = computed.get(order.key)
        if outcome is None or len(order.stages) > 1:
            # Of a stage that was computed, completes the scores on other benchmarks' tasks.
            rest = compute(order, store, device, owner)
            outcome = outcome if outcome and isinstance(rest, StageDone) else rest
        outcomes.append(outcome)
    if error is not None and not any(isinstance(each, StageFailed) for each in outcomes):
        story = failure_story(error).partition("\n")[0]
        logging.getLogger("repertoire").warning(
            "%d siblings could not be trained together, and were one by one: %s", len(orders), story
        )
    return outcomes


def compute_together(
    orders: Sequence[StageOrder], store: StageStore, device: str, owner: str | None
) -> dict[Key, StageOutcome]:
    """Train siblings together and store them; return the outcomes of those that were stored."""
    with chdir("."), hold_free(orders, store, device, owner) as free:
        pairs = [(order, find_parent(order, store)) for order in free]
        ready = [(order, parent) for order, parent in pairs if parent is not None]
        # A single one gains nothing here, and is left to the usual way.
        if len(ready) < 2:
            return {}
        runs = run_group(
            [order.stages[0] for order, _ in ready],
            [parent for _, parent in ready],
            [order.computed_for for order, _ in ready],
            device,
        )
        for state, record in runs:
            store.put(state, record)
        return {record.key: stored_outcome(record, "computed") for _, record in runs}


@contextmanager
def hold_free(
    orders: Sequence[StageOrder], store: StageStore, device: str, owner: str | None
) -> Iterator[list[StageOrder]]:
    """Hold the leases of the orders that no other owner holds, and yield those orders."""
    with ExitStack() as stack:
        # No leases: a test, or a store of this process alone.
        if owner is None:
            yield list(orders)
            return
        leases = open_leases(store.files, store.folder)
        notes = [stage_note(each.computed_for, each.stages[0].after, device) for each in orders]
        held = (
            stack.enter_context(hold_free_lease(leases, order.key, owner, note))
            for order, note in zip(orders, notes, strict=True)
        )
        yield [order for order, is_held in zip(orders, held, strict=True) if is_held]


def find_parent(order: StageOrder, store: StageStore) -> State | None:
    """Return the state that a stage starts from; None if it is stored, or cannot start."""
    stage = order.stages[0]
    require_same_input(stage)
    # Under the lease: another command may have stored it since it was asked for.
    if store.record(stage.key, fresh=True) is not None:
        return None
    return store.state(str(stage.parent), written=True)

"""Runs stages with a note on their node of where they run, and reads the note of a dead worker."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
import torch
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.backends.worker_log import StartNote, note_end, note_start, read_note
from orchestrator.stages.outcomes import StageFailed, StageOutcome, WorkerInfo
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order

ANSWER_SECONDS = 30.0  # a busy node takes long to start the worker that answers


def compute_noted_order(
    order: StageOrder, store: StageStore, device: str, owner: str | None
) -> StageOutcome:
    """Compute a stage, with a note of where it runs while it does.

    If it failed, the outcome has the end of this worker's log. `owner` is of its lease.
    """
    logs = logs_folder()
    if logs is None:
        return compute_order(order, store, device, owner)
    with suppress(OSError):  # a full disk of the node must not fail the stage
        note_start(logs, order.key, device, ray.get_runtime_context().get_worker_id())
    outcome = compute_order(order, store, device, owner)
    if isinstance(outcome, StageFailed) and outcome.worker is not None:
        note = read_note(logs, order.key)
        log = "" if note is None else note.worker.log
        outcome = replace(outcome, worker=replace(outcome.worker, log=log))
    if isinstance(outcome, StageFailed) and outcome.exhausted:
        release_memory()
    with suppress(OSError):
        note_end(logs, order.key)
    return outcome


def release_memory() -> None:
    """Free the memory of a failed stage, since this process runs further stages."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def logs_folder() -> Path | None:
    """Return the folder of Ray's logs on this node; None if Ray does not tell it."""
    from ray._private import worker

    folder = getattr(worker._global_node, "get_logs_dir_path", lambda: "")()
    return Path(folder) if folder and os.access(folder, os.W_OK) else None


@ray.remote(num_cpus=0, max_retries=0)
def note_task(key: str) -> StartNote | None:
    """Return the note of a stage on this node."""
    logs = logs_folder()
    return None if logs is None else read_note(logs, key)


def find_worker(key: str, timeout_seconds: float = ANSWER_SECONDS) -> WorkerInfo | None:
    """Return the last place of a stage whose worker died; None if no living node noted it."""
    listed: Iterable[Mapping[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    here, logs = ray.get_runtime_context().get_node_id(), logs_folder()
    # The own node is read without a worker, which may take long to start where memory is short.
    own = None if logs is None else read_note(logs, key)
    notes = [] if own is None else [own]
    others = [each["NodeID"] for each in listed if each["Alive"] and each["NodeID"] != here]
    places = [NodeAffinitySchedulingStrategy(node_id, soft=False) for node_id in others]
    refs = [note_task.options(scheduling_strategy=place).remote(key) for place in places]
    done, _ = ray.wait(refs, num_returns=len(refs), timeout=timeout_seconds) if refs else ([], [])
    for ref in done:
        with suppress(RayError):
            notes += [note] if (note := ray.get(ref)) is not None else []
    # A stage that was retried may have notes on several nodes.
    return max(notes, key=lambda note: note.started).worker if notes else None

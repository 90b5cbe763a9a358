"""Describes this process as a worker, in the story of a failure and for displays of a run."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.stages.environment import device_name
from orchestrator.stages.outcomes import WorkerInfo
from orchestrator.stages.storage.lease import unix_time
from orchestrator.stages.storage.running import StageNote


def this_worker(device: str) -> WorkerInfo:
    """Return the description of this process."""
    with suppress(RuntimeError, RepertoireError):  # the GPU may be what failed
        device = device_name(device)
    return WorkerInfo(platform.node(), os.getpid(), device)


def stage_note(
    computed_for: tuple[str, str, int], after: int | None, device: str
) -> dict[str, Any]:
    """Return the note in the lease of a stage that begins now; `running_stages` reads it.

    Args:
        computed_for: (sweep, trial_id, seed).
        after: number of tasks that are learned once it is done; None for features.
        device: "cpu" or "cuda".
    """
    worker = this_worker(device)
    note = StageNote(
        computed_for=computed_for,
        after=after,
        node=worker.node,
        pid=worker.pid,
        device=worker.device,
        since=unix_time(),
    )
    return asdict(note)

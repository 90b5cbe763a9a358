"""What a run computes now, and its last events."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from dashboards.data.folders import SweepFolder
from dashboards.data.sql_views import sql_literal
from dashboards.data.stages import StoredProgress
from dashboards.data.warehouse import Warehouse
from orchestrator.errors import RepertoireError
from orchestrator.results.folder.owner import OWNER, read_owner
from orchestrator.results.pooling import TABLE
from orchestrator.stages.storage.address import open_files
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.running import RunningStage, running_stages

# A page that is drawn every few seconds does not wait for a store that is away.
IMPATIENT = RetryPolicy(unreachable_seconds=1.0, warn=logging.getLogger("repertoire").debug)


def read_running(folder: SweepFolder, progress: StoredProgress) -> list[RunningStage] | None:
    """Return the stages that the run of a folder computes now, longest first.

    They are the leases of the process that owns the folder. None if the store cannot be read.
    """
    owner = read_owner(folder.path / OWNER)
    if progress.state != "running" or "pid" not in owner:
        return []
    uri = progress["store"] or str((folder.path.parent / "stages").resolve())
    try:
        files, _ = open_files(uri, False, IMPATIENT)
        stages = running_stages(files)
    except (OSError, RepertoireError):
        return None
    return [s for s in stages if s.owner.startswith(f"{owner.get('host')}/{owner['pid']}/")]


def running_table(warehouse: Warehouse, sweep: str, stages: list[RunningStage]) -> pd.DataFrame:
    """Return a row per running stage.

    Columns: `label` of the first trial that asked for it, `seed`, `after`, `node`, `pid`,
    `device`, and `seconds` since it began.
    """
    now, names = time.time(), trial_labels(warehouse, sweep)  # noqa: TID251 - display
    rows = [
        {
            "label": names.get(stage.note.computed_for[1], stage.note.computed_for[1]),
            "seed": stage.note.computed_for[2],
            "after": stage.note.after,
            "node": stage.note.node,
            "pid": stage.note.pid,
            "device": stage.note.device,
            "seconds": max(0.0, now - stage.note.since),
        }
        for stage in stages
    ]
    return pd.DataFrame(rows)


def mark_running(trials: pd.DataFrame, sweep: str, stages: Sequence[RunningStage]) -> pd.DataFrame:
    """Return trials of a sweep with a column `running`: the tasks that a stage of theirs learns.

    It is NaN where none runs; a stage that several trials share runs for the first of them.
    """
    places = {stage.note.computed_for: stage.note.after for stage in stages}
    chains = zip(trials["trial_id"], trials["seed"], strict=True)
    running = [places.get((sweep, trial, seed)) for trial, seed in chains]
    return trials.assign(running=pd.Series(running, trials.index, float))


def trial_labels(warehouse: Warehouse, sweep: str) -> Mapping[str, str]:
    """Return trial id -> label of the trials of a sweep that the tables have.

    In a sweep of several settings the label has what they differ in: `er (domain)`.
    """
    names = warehouse.names
    own = names[names["sweep"] == sweep]
    labels = dict(zip(own["trial_id"], own["label"], strict=True))
    settings = warehouse.frame(
        f"SELECT DISTINCT trial_id, {', '.join(TABLE)} FROM trials "
        f"WHERE sweep = {sql_literal(sweep)}"
    ).set_index("trial_id")
    varying = [name for name in TABLE if settings[name].nunique() > 1]
    if varying:
        texts = settings[varying].astype(str).agg(", ".join, axis=1)
        labels = {trial: f"{label} ({texts[trial]})" for trial, label in labels.items()}
    return labels


def read_events(warehouse: Warehouse, sweep: str, progress: StoredProgress) -> pd.DataFrame:
    """Return the last events of a run, newest first: `time`, `event`, `seed`, `configuration`."""
    names = trial_labels(warehouse, sweep)
    rows = [
        {
            "time": datetime.fromtimestamp(event["at"], UTC),
            "event": _event_text(event),
            "seed": event["seed"],
            "configuration": names.get(event["trial_id"], event["trial_id"]),
        }
        for event in reversed(progress["events"] or [])
    ]
    return pd.DataFrame(rows)


def _event_text(event: Mapping[str, Any]) -> str:
    what = f"task {event.get('after')} learned" if event["what"] == "learned" else event["what"]
    return f"{what}: {event['story']}" if event.get("story") else str(what)


def read_endings(warehouse: Warehouse, sweep: str) -> list[dict[str, Any]]:
    """Return the rows of `trials` of a sweep that failed or diverged, in the order of the table."""
    answer = warehouse.frame(
        "SELECT trial_id, phase, seed, status, tasks_done, num_tasks, story, node, pid, device "
        f"FROM trials WHERE sweep = {sql_literal(sweep)} AND status IN ('failed', 'diverged') "
        "ORDER BY place"
    )
    names = trial_labels(warehouse, sweep)
    answer["trial_id"] = answer["trial_id"].map(lambda trial: names.get(trial, trial))
    return [{str(name): value for name, value in row.items()} for row in answer.to_dict("records")]

"""Tracking: what MLflow is told of a sweep, read from its tables.

May import `results` and what is below it; only here is mlflow imported, and not before there is
something to send. Begin with `tracker.py`, which starts processes beside a sweep, and `sync.py`,
which is their work.
"""

from orchestrator.tracking.ledger import run_ids
from orchestrator.tracking.pages import front_page
from orchestrator.tracking.report import SyncReport
from orchestrator.tracking.sync import attach, prepare_database, sync
from orchestrator.tracking.target import (
    Target,
    TrackingError,
    resolve_target,
    target_of,
    ui_command,
)
from orchestrator.tracking.tracker import Tracker

__all__ = [
    "SyncReport",
    "Target",
    "Tracker",
    "TrackingError",
    "attach",
    "front_page",
    "prepare_database",
    "resolve_target",
    "run_ids",
    "sync",
    "target_of",
    "ui_command",
]
